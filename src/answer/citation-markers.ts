import { applyRun, LINE_START, type OpenCode } from '../models/code-tracker.ts';
import {
  createTag,
  type FoundMarker,
  findMarker,
  MARKER_PREFIX,
  PLAIN_MARKS,
  type SourceMarks,
} from './source-marks.ts';

/** Text to show, or the number of the source that is cited at this position. */
export type AnswerSegment = string | number;

/** Removes citation markers from a model's output while it is streamed. */
export interface MarkerReader {
  /** Returns the segments that later text cannot change, in order; adjacent texts form one segment. */
  read(text: string): AnswerSegment[];
  /** Returns the segments of the text that is still buffered at the end of the output. */
  end(): AnswerSegment[];
}

/** The maximum length of buffered text in UTF-16 units: the longest marker and the spaces around it. */
export const MAX_BUFFERED_CHARS = 104;

/** The characters at which a marker or code can start or end, in prose, in code blocks and in inline code. */
const PROSE_DELIMITER = /[[［【`~]/g;
const BLOCK_DELIMITER = /[`~]/g;
const INLINE_DELIMITER = /[`\n]/g;

const SPACE = /[ \t\u00a0]/;
const MAX_SPACES = 4;
/** Text that may be between two markers of one group. */
const MARKER_GAP = /^[ \u00a0]?[,;、]?[ \u00a0]?$/;
const MAX_GAP_CHARS = 3;

/** The end of a text that a bracket with a number continues as code: `list[1]`, `f(x)[1]`, `$[1]`, `a[0][1]`, `\\[1]`. */
const INDEXABLE = /[\w$@#&\]\\]$|\w\([^()\s]{0,24}\)$|\?\.$/;
/** The end of a text after which brackets are a value, such as an interval. */
const OPERATOR = /[=∈≠≤≥]\s{0,4}$/;
/** Quotation marks before and after a bracket, which then is what the text is about. */
const OPENING_QUOTE = /["'“„‘«‹「]$/;
const CLOSING_QUOTE = /^["'”“’»›」]/;
/** A line before a bracket that starts a list item, heading or block quote, in which the bracket belongs to the text. */
const ITEM_START = /^[^\S\n]*(?:>[^\S\n]*)*(?:(?:[-*+]|#{1,6}|\d{1,9}[.)])[^\S\n]+)*$/;
/** The text that may follow a marker at the start of a line: another marker, punctuation or the end of the line. */
const AFTER_LEADING_MARKER = /^(?: ?(?:[[［【]|\n|$)|[.,;!?)])/;
/** The length of the text before a marker that is checked, in UTF-16 units. */
const LOOKBACK = 32;

/** The largest number in a marker. */
const MAX_NUMBER = 99;

/** A run of fence characters; a run of more than 32 counts as several. */
const FENCE_RUN = /`{1,32}|~{1,32}/y;
const MAX_FENCE_RUN = 32;

/**
 * Creates a reader for the markers of `sourceCount` sources. It removes a marker with the spaces before it. The
 * marker's numbers up to `sourceCount` become segments; the reader drops larger numbers. Besides the marks of the
 * prompt, it reads the common forms of markers, but only where they can be nothing else. It leaves unchanged: code in
 * backticks or between fences; links (`[1](…)`, `[text][1]`, a line that starts with `[1]:`); brackets with zero, a
 * number above 99, or a number that `marks` says is quoted; brackets right after a word (`list[1]`) or `=`; brackets in
 * quotation marks; brackets that start a line with text (`- [1] done`). It buffers at most `MAX_BUFFERED_CHARS` units.
 * Text without brackets, backticks and tildes costs only the search for these characters.
 */
export function createMarkerReader(sourceCount: number, marks: SourceMarks = PLAIN_MARKS): MarkerReader {
  const scan: ScanState = {
    sourceCount,
    marks,
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

/**
 * Chooses the marks for a prompt with these texts of sources, visitors and earlier answers, so that no bracket in them
 * is taken for a marker where an answer repeats it.
 */
export function chooseSourceMarks(texts: readonly string[]): SourceMarks {
  const quotedNumbers = new Set<number>();
  for (const text of texts) {
    const reader = createMarkerReader(MAX_NUMBER);
    for (const segment of [...reader.read(text), ...reader.end()])
      if (typeof segment === 'number') quotedNumbers.add(segment);
  }
  return { tag: createTag(texts), quotedNumbers };
}

/** The state of scanning one answer. */
interface ScanState {
  /** The number of sources. */
  readonly sourceCount: number;
  readonly marks: SourceMarks;
  segments: AnswerSegment[];
  buffered: string;
  /** The end of the text that was emitted. */
  emittedTail: string;
  isLineStart: boolean;
  /** Whether a marker was removed, and no text was emitted after it. */
  isAfterMarker: boolean;
  code: OpenCode | undefined;
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
  const marker = findMarker(text, delimiter, scan.marks);
  const end = delimiter + (marker?.length ?? 1);
  const previous = (scan.emittedTail + text.slice(at, delimiter)).slice(-LOOKBACK);
  const context: MarkerContext = {
    start: text.slice(delimiter, delimiter + 2),
    previous: scan.isAfterMarker && delimiter === at ? '' : previous,
    line: isGap ? undefined : readLine(previous),
    following: text.slice(end, end + 2),
  };
  if (!isEnd && (marker === undefined ? matchAt(MARKER_PREFIX, text, delimiter) !== null : needsMore(context))) {
    emit(scan, text.slice(at, start));
    return bufferRemaining(scan, text.slice(start));
  }
  const numbers = marker ? readMarker(scan, marker, context) : null;
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
  scan.code = applyRun(scan.code, run, scan.isLineStart);
  emit(scan, run);
  return end;
}

/** The text around a marker. */
interface MarkerContext {
  /** The first two characters of the marker. */
  readonly start: string;
  /** The text before it, as far as it is checked; empty right after another marker. */
  readonly previous: string;
  /** The line before it; undefined if it is long, or within a group of markers. */
  readonly line: string | undefined;
  /** The first two characters after it. */
  readonly following: string;
}

/** Returns the last line of a text; undefined when its start is too far away. */
function readLine(text: string): string | undefined {
  const start = text.lastIndexOf('\n') + 1;
  return start > 0 || text.length < LOOKBACK ? text.slice(start) : undefined;
}

/** Returns whether the text after a marker decides its meaning, and has not arrived. */
function needsMore({ line, following }: MarkerContext): boolean {
  return following === '' || (following === ' ' && line?.trim() === '');
}

/**
 * Returns the source numbers of a marker; null when the text is not a marker. One in the form of the prompt's marks
 * needs no context.
 */
function readMarker({ sourceCount, marks }: ScanState, marker: FoundMarker, context: MarkerContext): number[] | null {
  const numbers = expandNumbers(marker.numbers, sourceCount);
  if (numbers === null) return null;
  if (marker.isCommon && (numbers.some((number) => marks.quotedNumbers.has(number)) || isText(context))) return null;
  return [...new Set(numbers.filter((number) => number <= sourceCount))];
}

/** Returns whether a marker in a common form is part of the text around it. */
function isText({ start, previous, line, following }: MarkerContext): boolean {
  if (following.startsWith('(') || /[\]\\]$/.test(previous) || OPERATOR.test(previous)) return true;
  if (/^\[(?:\[|\d)/.test(start) && INDEXABLE.test(previous)) return true;
  if (OPENING_QUOTE.test(previous) && CLOSING_QUOTE.test(following)) return true;
  if (line === undefined || !ITEM_START.test(line)) return false;
  return line.trim() !== '' || !AFTER_LEADING_MARKER.test(following);
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
