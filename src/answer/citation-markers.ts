/** Text to show, or the number of a source that is cited at this place. */
export type AnswerSegment = string | number;

/** Takes the markers of sources out of what a model writes, while it writes. */
export interface MarkerReader {
  /** What is certain once `text` has come: in order, neighbouring texts in one piece. */
  read(text: string): AnswerSegment[];
  /** What was held back, when nothing more comes. */
  end(): AnswerSegment[];
}

/** More is never held back, in UTF-16 units: the longest marker there is, and the spaces before it. */
export const MAX_BUFFERED_CHARS = 96;

const NUMBERS = String.raw`\d{1,2}(?:[ \u00a0]?[–—,;，、-][ \u00a0]?\d{1,2}){0,7}`;
const BODY = String.raw`[ ^]?(?:(?:source|citation)s?[ :#]{0,2})?(${NUMBERS}) ?(?::\d{1,2})?(?:†[^\[\]【】\n]{0,32})?`;
/** `[1]`, `[1, 2]`, `[1-3]`, `[^1]`, `[[1]]`, `[Source 1]`, `【1】`, `【1†source】`. */
const MARKER = new RegExp(String.raw`\[\[${BODY}\]\]|\[${BODY}\]|［${BODY}］|【${BODY}】`, 'iy');
/** What may become one. It is looser: it must let every beginning of a marker pass. */
const BEGUN = /[[［【]{1,2}[ ^]?[a-z]{0,9}[ :#]{0,2}(?:\d[\d \u00a0–—,;，、:-]{0,40}(?:†[^[\]【】\n]{0,32})?)?\]?$/iy;

/** What ends a stretch in which nothing can begin, by what is being read. */
const PROSE_END = /[[［【`~]/g;
const BLOCK_END = /[`~]/g;
const INLINE_END = /[`\n]/g;

const SPACE = /[ \t\u00a0]/;
const MAX_SPACES = 4;
/** What may stand between markers that belong together. */
const GAP = /^[ \u00a0]?[,;、]?[ \u00a0]?$/;
const MAX_GAP = 3;

/** A word or number of prose, rather than a name of code, at the end of a text. */
const PROSE = /(?:^|[\s"'“‘(*])(?:\p{L}[\p{L}'’-]{2,}|\p{Sc}?\d[\d.,:]*%?)$/u;
/** How prose goes on behind a marker. */
const AFTER_PROSE = /[.,!?:\n[]/;
/** In UTF-16 units: so much of the text before a marker is looked at. */
const LOOKBACK = 32;

/** What may stand before a fence that opens a block. */
const LINE_START = /^[\s>*+\d.)-]*$/;
/** Longer ones count as several. */
const RUN = /`{1,32}|~{1,32}/y;
const MAX_RUN = 32;

/** Code that has been opened, and by what. */
interface Code {
  readonly fence: string;
  readonly isBlock: boolean;
}

/**
 * Makes a reader for the markers of `count` sources. A marker is taken out with the spaces before it; its numbers up to
 * `count` come as pieces, others vanish. What stays as it is: code, in backticks or between fences; links (`[1](…)`,
 * `[text][1]`, a line that begins with `[1]:`); numbers above 99, and zero; brackets right behind a word (`list[1]`), unless
 * the word and what follows are prose ("10 days[1]."). At most `MAX_BUFFERED_CHARS` units are held back; text without brackets and
 * backticks passes at the cost of looking for them.
 */
export function createMarkerReader(count: number): MarkerReader {
  const scan: ScanState = {
    count,
    pieces: [],
    held: '',
    before: '',
    isLineStart: true,
    isBehindMarker: false,
    code: undefined,
  };
  return { read: (text) => scanText(scan, scan.held + text, false), end: () => scanText(scan, scan.held, true) };
}

/** How far the text of one answer was read. */
interface ScanState {
  /** How many sources there are. */
  readonly count: number;
  pieces: AnswerSegment[];
  held: string;
  /** The end of the text that was emitted. */
  before: string;
  isLineStart: boolean;
  /** Whether nothing was emitted since a marker was taken out. */
  isBehindMarker: boolean;
  code: Code | undefined;
}

function scanText(scan: ScanState, text: string, isEnd: boolean): AnswerSegment[] {
  scan.pieces = [];
  scan.held = '';
  for (let at = 0; at < text.length; ) {
    at = scan.code === undefined ? scanProse(scan, text, at, isEnd) : scanCode(scan, text, at, isEnd);
  }
  return scan.pieces;
}

function emit(scan: ScanState, text: string): void {
  if (text === '') return;
  const { pieces } = scan;
  const last = pieces.length - 1;
  if (typeof pieces[last] === 'string') pieces[last] += text;
  else pieces.push(text);
  const line = text.lastIndexOf('\n') + 1;
  scan.isLineStart = (line > 0 || scan.isLineStart) && LINE_START.test(text.slice(line));
  scan.before = (scan.before + text).slice(-LOOKBACK);
  scan.isBehindMarker = false;
}

/** Holds back the rest of the text, and ends the scan. */
function bufferRest(scan: ScanState, text: string): number {
  scan.held = text;
  return Number.POSITIVE_INFINITY;
}

/** Reads prose up to its first marker or fence, with it. Returns where to go on. */
function scanProse(scan: ScanState, text: string, at: number, isEnd: boolean): number {
  // A marker that opens its line takes the spaces behind it along.
  if (scan.isBehindMarker && /(?:^|\n)$/.test(scan.before) && SPACE.test(text.charAt(at))) return at + 1;
  const found = search(PROSE_END, text, at);
  const isGap = scan.isBehindMarker && found - at <= MAX_GAP && GAP.test(text.slice(at, found));
  const start = isGap ? at : skipSpacesBack(text, at, found);
  if (found === text.length) {
    emit(scan, text.slice(at, isEnd ? found : start));
    return isEnd ? found : bufferRest(scan, text.slice(start));
  }
  if (text[found] === '`' || text[found] === '~') {
    emit(scan, text.slice(at, found));
    return scanFence(scan, text, found, isEnd);
  }
  const marker = matchAt(MARKER, text, found);
  const end = found + (marker?.[0].length ?? 1);
  const isOpen = marker === null ? matchAt(BEGUN, text, found) !== null : end === text.length;
  if (isOpen && !isEnd) {
    emit(scan, text.slice(at, start));
    return bufferRest(scan, text.slice(start));
  }
  const previous = (scan.before + text.slice(at, found)).slice(-LOOKBACK);
  const isJoined = scan.isBehindMarker && found === at;
  const numbers =
    marker && readMarker(marker, { count: scan.count, previous: isJoined ? '' : previous, next: text.charAt(end) });
  if (numbers === null) emit(scan, text.slice(at, end));
  else {
    emit(scan, text.slice(at, start));
    scan.pieces.push(...numbers);
    scan.isBehindMarker = true;
  }
  return end;
}

/** Reads code up to what may close it. Returns where to go on. */
function scanCode(scan: ScanState, text: string, at: number, isEnd: boolean): number {
  const found = search(scan.code?.isBlock ? BLOCK_END : INLINE_END, text, at);
  emit(scan, text.slice(at, found));
  if (text[found] !== '\n') return found === text.length ? found : scanFence(scan, text, found, isEnd);
  // A backtick that nothing closes on its line was none.
  scan.code = undefined;
  return found;
}

/** Reads backticks or tildes, which may open or close code. Returns where to go on. */
function scanFence(scan: ScanState, text: string, at: number, isEnd: boolean): number {
  const run = matchAt(RUN, text, at)?.[0] ?? '';
  const end = at + run.length;
  if (end === text.length && run.length < MAX_RUN && !isEnd) return bufferRest(scan, run);
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

/** The numbers of a marker that are those of sources; null when it is none after all. */
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

/** The numbers of `1, 3-5`; null when there is a zero, or a range that no sources have. */
function expand(list: string, count: number): number[] | null {
  const numbers: number[] = [];
  for (const part of list.split(/[,;，、]/)) {
    const [first = 0, last = first, ...more] = part.split(/[–—-]/).map(Number);
    if (first < 1 || last < first || more.length > 0 || (last > first && last > count)) return null;
    for (let number = first; number <= last; number += 1) numbers.push(number);
  }
  return numbers;
}

/** Where the spaces begin that end at `end`: at most a few, and none before `from`. */
function skipSpacesBack(text: string, from: number, end: number): number {
  let start = end;
  while (start > from && end - start < MAX_SPACES && SPACE.test(text.charAt(start - 1))) start -= 1;
  return start;
}

/** The first place from `at` on where `pattern` matches, or the end. */
function search(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.index ?? text.length;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
