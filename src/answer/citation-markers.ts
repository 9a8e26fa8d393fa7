/** Text to show, or the number of the source that is cited at this position. */
export type AnswerSegment = string | number;

/** Removes citation markers from a model's output while it is streamed. */
export interface MarkerReader {
  /** Returns the segments that later text cannot change, in order; adjacent texts form one segment. */
  read(text: string): AnswerSegment[];
  /** Returns the segments of the text that is still buffered at the end of the output. */
  end(): AnswerSegment[];
}

/** The maximum length of buffered text in UTF-16 units: the longest marker and the spaces before it. */
export const MAX_BUFFERED_CHARS = 96;

const NUMBERS = String.raw`\d{1,2}(?:[ \u00a0]?[–—,;，、-][ \u00a0]?\d{1,2}){0,7}`;
const BODY = String.raw`[ ^]?(?:(?:source|citation)s?[ :#]{0,2})?(${NUMBERS}) ?(?::\d{1,2})?(?:†[^\[\]【】\n]{0,32})?`;
/** `[1]`, `[1, 2]`, `[1-3]`, `[^1]`, `[[1]]`, `[Source 1]`, `【1】`, `【1†source】`. */
const MARKER = new RegExp(String.raw`\[\[${BODY}\]\]|\[${BODY}\]|［${BODY}］|【${BODY}】`, 'iy');
/** A possible start of a marker. It is looser than `MARKER`, because it must match every prefix of a marker. */
const MARKER_PREFIX =
  /[[［【]{1,2}[ ^]?[a-z]{0,9}[ :#]{0,2}(?:\d[\d \u00a0–—,;，、:-]{0,40}(?:†[^[\]【】\n]{0,32})?)?\]?$/iy;

/** The characters at which a marker or code can start or end, in prose, in code blocks and in inline code. */
const PROSE_DELIMITER = /[[［【`~]/g;
const BLOCK_DELIMITER = /[`~]/g;
const INLINE_DELIMITER = /[`\n]/g;

const SPACE = /[ \t\u00a0]/;
const MAX_SPACES = 4;
/** Text that may be between two markers of one group. */
const MARKER_GAP = /^[ \u00a0]?[,;、]?[ \u00a0]?$/;
const MAX_GAP_CHARS = 3;

/** Matches a text that ends with a word or number of prose, not with an identifier of code. */
const PROSE = /(?:^|[\s"'“‘(*])(?:\p{L}[\p{L}'’-]{2,}|\p{Sc}?\d[\d.,:]*%?)$/u;
/** The characters that follow a marker in prose. */
const AFTER_PROSE = /[.,!?:\n[]/;
/** The length of the text before a marker that is checked, in UTF-16 units. */
const LOOKBACK = 32;

/** Text that may precede a code block's fence on its line. */
const LINE_START = /^[\s>*+\d.)-]*$/;
/** A run of fence characters; a run of more than 32 counts as several. */
const FENCE_RUN = /`{1,32}|~{1,32}/y;
const MAX_FENCE_RUN = 32;

/** An open code span or block, and the fence that opened it. */
interface Code {
  readonly fence: string;
  readonly isBlock: boolean;
}

/**
 * Creates a reader for the markers of `sourceCount` sources. It removes a marker with the spaces before it. The
 * marker's numbers up to `sourceCount` become segments; the reader drops larger numbers. It leaves unchanged: code in
 * backticks or between fences; links (`[1](…)`, `[text][1]`, a line that starts with `[1]:`); brackets with zero or a
 * number above 99; brackets right after a word (`list[1]`), except in prose ("10 days[1]."). It buffers at most
 * `MAX_BUFFERED_CHARS` units. Text without brackets, backticks and tildes costs only the search for these characters.
 */
export function createMarkerReader(sourceCount: number): MarkerReader {
  const scan: ScanState = {
    sourceCount,
    segments: [],
    buffered: '',
    emittedTail: '',
    isLineStart: true,
    isAfterMarker: false,
    code: undefined,
  };
  return {
    read: (text) => scanText(scan, scan.buffered + text, false),
    end: () => scanText(scan, scan.buffered, true),
  };
}

/** The state of scanning one answer. */
interface ScanState {
  /** The number of sources. */
  readonly sourceCount: number;
  segments: AnswerSegment[];
  buffered: string;
  /** The end of the text that was emitted. */
  emittedTail: string;
  isLineStart: boolean;
  /** Whether a marker was removed, and no text was emitted after it. */
  isAfterMarker: boolean;
  code: Code | undefined;
}

function scanText(scan: ScanState, text: string, isEnd: boolean): AnswerSegment[] {
  scan.segments = [];
  scan.buffered = '';
  for (let at = 0; at < text.length; ) {
    at = scan.code === undefined ? scanProse(scan, text, at, isEnd) : scanCode(scan, text, at, isEnd);
  }
  return scan.segments;
}

function emit(scan: ScanState, text: string): void {
  if (text === '') return;
  const { segments } = scan;
  const last = segments.length - 1;
  if (typeof segments[last] === 'string') segments[last] += text;
  else segments.push(text);
  const line = text.lastIndexOf('\n') + 1;
  scan.isLineStart = (line > 0 || scan.isLineStart) && LINE_START.test(text.slice(line));
  scan.emittedTail = (scan.emittedTail + text).slice(-LOOKBACK);
  scan.isAfterMarker = false;
}

/** Buffers the remaining text until more arrives, and ends the scan. */
function bufferRemaining(scan: ScanState, text: string): number {
  scan.buffered = text;
  return Number.POSITIVE_INFINITY;
}

/** Scans prose up to and including its first marker or fence. Returns the next offset. */
function scanProse(scan: ScanState, text: string, at: number, isEnd: boolean): number {
  // A marker at the start of a line is removed with the spaces after it.
  if (scan.isAfterMarker && /(?:^|\n)$/.test(scan.emittedTail) && SPACE.test(text.charAt(at))) return at + 1;
  const delimiter = findNext(PROSE_DELIMITER, text, at);
  const isGap = scan.isAfterMarker && delimiter - at <= MAX_GAP_CHARS && MARKER_GAP.test(text.slice(at, delimiter));
  const start = isGap ? at : findSpacesStart(text, at, delimiter);
  if (delimiter === text.length) {
    emit(scan, text.slice(at, isEnd ? delimiter : start));
    return isEnd ? delimiter : bufferRemaining(scan, text.slice(start));
  }
  if (text[delimiter] === '`' || text[delimiter] === '~') {
    emit(scan, text.slice(at, delimiter));
    return scanFence(scan, text, delimiter, isEnd);
  }
  const marker = matchAt(MARKER, text, delimiter);
  const end = delimiter + (marker?.[0].length ?? 1);
  const mayContinue = marker === null ? matchAt(MARKER_PREFIX, text, delimiter) !== null : end === text.length;
  if (mayContinue && !isEnd) {
    emit(scan, text.slice(at, start));
    return bufferRemaining(scan, text.slice(start));
  }
  const previous = (scan.emittedTail + text.slice(at, delimiter)).slice(-LOOKBACK);
  const isAdjacentMarker = scan.isAfterMarker && delimiter === at;
  const context = { sourceCount: scan.sourceCount, previous: isAdjacentMarker ? '' : previous, next: text.charAt(end) };
  const numbers = marker && readMarker(marker, context);
  if (numbers === null) emit(scan, text.slice(at, end));
  else {
    emit(scan, text.slice(at, start));
    scan.segments.push(...numbers);
    scan.isAfterMarker = true;
  }
  return end;
}

/** Scans code up to a possible end. Returns the next offset. */
function scanCode(scan: ScanState, text: string, at: number, isEnd: boolean): number {
  const delimiter = findNext(scan.code?.isBlock ? BLOCK_DELIMITER : INLINE_DELIMITER, text, at);
  emit(scan, text.slice(at, delimiter));
  if (text[delimiter] !== '\n') return delimiter === text.length ? delimiter : scanFence(scan, text, delimiter, isEnd);
  // A backtick without another one on the same line does not open code.
  scan.code = undefined;
  return delimiter;
}

/** Scans backticks or tildes, which may open or close code. Returns the next offset. */
function scanFence(scan: ScanState, text: string, at: number, isEnd: boolean): number {
  const run = matchAt(FENCE_RUN, text, at)?.[0] ?? '';
  const end = at + run.length;
  if (end === text.length && run.length < MAX_FENCE_RUN && !isEnd) return bufferRemaining(scan, run);
  const isFence = run.length >= 3 && scan.isLineStart;
  const { code } = scan;
  if (code === undefined) {
    if (isFence || run[0] === '`') scan.code = { fence: run, isBlock: isFence };
  } else if (code.isBlock ? isFence && run.startsWith(code.fence) : run === code.fence) {
    scan.code = undefined;
  }
  emit(scan, run);
  return end;
}

/** Returns the source numbers of a marker; null when the text is not a marker. */
function readMarker(
  [marker, ...groups]: RegExpExecArray,
  { sourceCount, previous, next }: { sourceCount: number; previous: string; next: string },
): number[] | null {
  const numbers = expandNumbers(groups.find((group) => group !== undefined) ?? '', sourceCount);
  const isLink = next === '(' || /[\]\\]$/.test(previous) || (next === ':' && /(?:^|\n)[^\S\n]*$/.test(previous));
  if (numbers === null || isLink) return null;
  const isAfterWord = /^\[\d/.test(marker) && /\w$/.test(previous);
  const isProse = PROSE.test(previous) && next !== '' && AFTER_PROSE.test(next);
  const existingNumbers = numbers.filter((number) => number <= sourceCount);
  return isAfterWord && !(isProse && existingNumbers.length === numbers.length) ? null : [...new Set(existingNumbers)];
}

/** Expands `1, 3-5` to numbers; null when it contains a zero or an invalid range. */
function expandNumbers(list: string, sourceCount: number): number[] | null {
  const numbers: number[] = [];
  for (const part of list.split(/[,;，、]/)) {
    const [first = 0, last = first, ...more] = part.split(/[–—-]/).map(Number);
    if (first < 1 || last < first || more.length > 0 || (last > first && last > sourceCount)) return null;
    for (let number = first; number <= last; number += 1) numbers.push(number);
  }
  return numbers;
}

/** Returns the start of the spaces that end at `end`: at most `MAX_SPACES`, and none before `from`. */
function findSpacesStart(text: string, from: number, end: number): number {
  let start = end;
  while (start > from && end - start < MAX_SPACES && SPACE.test(text.charAt(start - 1))) start -= 1;
  return start;
}

/** Returns the first offset from `at` on at which `pattern` matches, or the end. */
function findNext(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.index ?? text.length;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
