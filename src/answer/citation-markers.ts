/** Text to show, or the number of the source that is cited at this position. */
export type AnswerSegment = string | number;

/** Removes citation markers from a model's output while it is streamed. */
export interface MarkerReader {
  /** Returns the segments that text after `text` cannot change, in order; adjacent texts form one segment. */
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

/** The characters at which a marker or code can start or end: in prose, in code blocks and in inline code. */
const PROSE_END = /[[［【`~]/g;
const BLOCK_END = /[`~]/g;
const INLINE_END = /[`\n]/g;

const SPACE = /[ \t\u00a0]/;
const MAX_SPACES = 4;
/** Text that may be between two markers of one group. */
const GAP = /^[ \u00a0]?[,;、]?[ \u00a0]?$/;
const MAX_GAP = 3;

/** A text that ends with a word or number of prose, not with an identifier of code. */
const PROSE = /(?:^|[\s"'“‘(*])(?:\p{L}[\p{L}'’-]{2,}|\p{Sc}?\d[\d.,:]*%?)$/u;
/** The characters that follow a marker in prose. */
const AFTER_PROSE = /[.,!?:\n[]/;
/** In UTF-16 units: how much of the text before a marker is checked. */
const LOOKBACK = 32;

/** Text that may precede a code block's fence on its line. */
const LINE_START = /^[\s>*+\d.)-]*$/;
/** A run of fence characters; a longer run counts as several. */
const RUN = /`{1,32}|~{1,32}/y;
const MAX_RUN = 32;

/** An open code span or block, and the fence that opened it. */
interface Code {
  readonly fence: string;
  readonly isBlock: boolean;
}

/**
 * Creates a reader for the markers of `count` sources. It removes a marker with the spaces before it; the marker's numbers
 * up to `count` become segments, others are dropped. It leaves unchanged: code in backticks or between fences; links
 * (`[1](…)`, `[text][1]`, a line that starts with `[1]:`); numbers above 99, and zero; brackets right after a word (`list[1]`),
 * unless the word and what follows are prose ("10 days[1]."). It buffers at most `MAX_BUFFERED_CHARS` units. Text without
 * brackets and backticks costs only the search for them.
 */
export function createMarkerReader(count: number): MarkerReader {
  const scan: ScanState = {
    count,
    segments: [],
    buffered: '',
    before: '',
    isLineStart: true,
    isBehindMarker: false,
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
  readonly count: number;
  segments: AnswerSegment[];
  buffered: string;
  /** The end of the text that was emitted. */
  before: string;
  isLineStart: boolean;
  /** Whether no text was emitted since a marker was removed. */
  isBehindMarker: boolean;
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
  scan.before = (scan.before + text).slice(-LOOKBACK);
  scan.isBehindMarker = false;
}

/** Buffers the remaining text until more arrives, and ends the scan. */
function bufferRemaining(scan: ScanState, text: string): number {
  scan.buffered = text;
  return Number.POSITIVE_INFINITY;
}

/** Scans prose up to and including its first marker or fence. Returns the next offset. */
function scanProse(scan: ScanState, text: string, at: number, isEnd: boolean): number {
  // A marker at the start of a line is removed with the spaces after it.
  if (scan.isBehindMarker && /(?:^|\n)$/.test(scan.before) && SPACE.test(text.charAt(at))) return at + 1;
  const delimiter = search(PROSE_END, text, at);
  const isGap = scan.isBehindMarker && delimiter - at <= MAX_GAP && GAP.test(text.slice(at, delimiter));
  const start = isGap ? at : skipSpacesBack(text, at, delimiter);
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
  const isOpen = marker === null ? matchAt(MARKER_PREFIX, text, delimiter) !== null : end === text.length;
  if (isOpen && !isEnd) {
    emit(scan, text.slice(at, start));
    return bufferRemaining(scan, text.slice(start));
  }
  const previous = (scan.before + text.slice(at, delimiter)).slice(-LOOKBACK);
  const isJoined = scan.isBehindMarker && delimiter === at;
  const numbers =
    marker && readMarker(marker, { count: scan.count, previous: isJoined ? '' : previous, next: text.charAt(end) });
  if (numbers === null) emit(scan, text.slice(at, end));
  else {
    emit(scan, text.slice(at, start));
    scan.segments.push(...numbers);
    scan.isBehindMarker = true;
  }
  return end;
}

/** Scans code up to a possible end. Returns the next offset. */
function scanCode(scan: ScanState, text: string, at: number, isEnd: boolean): number {
  const delimiter = search(scan.code?.isBlock ? BLOCK_END : INLINE_END, text, at);
  emit(scan, text.slice(at, delimiter));
  if (text[delimiter] !== '\n') return delimiter === text.length ? delimiter : scanFence(scan, text, delimiter, isEnd);
  // A backtick without another one on the same line does not open code.
  scan.code = undefined;
  return delimiter;
}

/** Scans backticks or tildes, which may open or close code. Returns the next offset. */
function scanFence(scan: ScanState, text: string, at: number, isEnd: boolean): number {
  const run = matchAt(RUN, text, at)?.[0] ?? '';
  const end = at + run.length;
  if (end === text.length && run.length < MAX_RUN && !isEnd) return bufferRemaining(scan, run);
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
  { count, previous, next }: { count: number; previous: string; next: string },
): number[] | null {
  const numbers = expand(groups.find((group) => group !== undefined) ?? '', count);
  const isLink = next === '(' || /[\]\\]$/.test(previous) || (next === ':' && /(?:^|\n)[^\S\n]*$/.test(previous));
  if (numbers === null || isLink) return null;
  const isGlued = /^\[\d/.test(marker) && /\w$/.test(previous);
  const isProse = PROSE.test(previous) && next !== '' && AFTER_PROSE.test(next);
  const supported = numbers.filter((number) => number <= count);
  return isGlued && !(isProse && supported.length === numbers.length) ? null : [...new Set(supported)];
}

/** Expands `1, 3-5` to numbers; null when it contains a zero or an invalid range. */
function expand(list: string, count: number): number[] | null {
  const numbers: number[] = [];
  for (const part of list.split(/[,;，、]/)) {
    const [first = 0, last = first, ...more] = part.split(/[–—-]/).map(Number);
    if (first < 1 || last < first || more.length > 0 || (last > first && last > count)) return null;
    for (let number = first; number <= last; number += 1) numbers.push(number);
  }
  return numbers;
}

/** Returns the start of the spaces that end at `end`: at most `MAX_SPACES`, and none before `from`. */
function skipSpacesBack(text: string, from: number, end: number): number {
  let start = end;
  while (start > from && end - start < MAX_SPACES && SPACE.test(text.charAt(start - 1))) start -= 1;
  return start;
}

/** Returns the first offset from `at` on at which `pattern` matches, or the end. */
function search(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.index ?? text.length;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
