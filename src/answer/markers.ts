/** Text to show, or the number of a source that is cited at this place. */
export type Piece = string | number;

/** Takes the markers of sources out of what a model writes, while it writes. */
export interface MarkerReader {
  /** What is certain once `text` has come: in order, neighbouring texts in one piece. */
  read(text: string): Piece[];
  /** What was held back, when nothing more comes. */
  end(): Piece[];
}

/** More is never held back, in UTF-16 units: the longest marker there is, and the spaces before it. */
export const MAX_HELD = 96;

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
const REACH = 32;

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
 * the word and what follows are prose ("10 days[1]."). At most `MAX_HELD` units are held back; text without brackets and
 * backticks passes at the cost of looking for them.
 */
export function createMarkerReader(count: number): MarkerReader {
  let pieces: Piece[] = [];
  let held = '';
  /** The end of the text that was given. */
  let before = '';
  let isLineStart = true;
  /** Whether nothing was given since a marker was taken out. */
  let isBehindMarker = false;
  let code: Code | undefined;

  function take(text: string, isEnd: boolean): Piece[] {
    pieces = [];
    held = '';
    for (let at = 0; at < text.length; )
      at = code === undefined ? takeProse(text, at, isEnd) : takeCode(text, at, isEnd);
    return pieces;
  }

  function give(text: string): void {
    if (text === '') return;
    const last = pieces.length - 1;
    if (typeof pieces[last] === 'string') pieces[last] += text;
    else pieces.push(text);
    const line = text.lastIndexOf('\n') + 1;
    isLineStart = (line > 0 || isLineStart) && LINE_START.test(text.slice(line));
    before = (before + text).slice(-REACH);
    isBehindMarker = false;
  }

  function hold(text: string): number {
    held = text;
    return Number.POSITIVE_INFINITY;
  }

  function takeProse(text: string, at: number, isEnd: boolean): number {
    // A marker that opens its line takes the spaces behind it along.
    if (isBehindMarker && /(?:^|\n)$/.test(before) && SPACE.test(text.charAt(at))) return at + 1;
    const found = search(PROSE_END, text, at);
    const isGap = isBehindMarker && found - at <= MAX_GAP && GAP.test(text.slice(at, found));
    const start = isGap ? at : skipSpacesBack(text, at, found);
    if (found === text.length) {
      give(text.slice(at, isEnd ? found : start));
      return isEnd ? found : hold(text.slice(start));
    }
    if (text[found] === '`' || text[found] === '~') {
      give(text.slice(at, found));
      return takeRun(text, found, isEnd);
    }
    const marker = matchAt(MARKER, text, found);
    const end = found + (marker?.[0].length ?? 1);
    const isOpen = marker === null ? matchAt(BEGUN, text, found) !== null : end === text.length;
    if (isOpen && !isEnd) {
      give(text.slice(at, start));
      return hold(text.slice(start));
    }
    const previous = (before + text.slice(at, found)).slice(-REACH);
    const numbers = marker && readMarker(marker, isBehindMarker && found === at ? '' : previous, text.charAt(end));
    if (numbers === null) give(text.slice(at, end));
    else {
      give(text.slice(at, start));
      pieces.push(...numbers);
      isBehindMarker = true;
    }
    return end;
  }

  function takeCode(text: string, at: number, isEnd: boolean): number {
    const found = search(code?.isBlock ? BLOCK_END : INLINE_END, text, at);
    give(text.slice(at, found));
    if (text[found] !== '\n') return found === text.length ? found : takeRun(text, found, isEnd);
    // A backtick that nothing closes on its line was none.
    code = undefined;
    return found;
  }

  /** Takes backticks or tildes, which may open or close code. */
  function takeRun(text: string, at: number, isEnd: boolean): number {
    const run = matchAt(RUN, text, at)?.[0] ?? '';
    const end = at + run.length;
    if (end === text.length && run.length < MAX_RUN && !isEnd) return hold(run);
    const isFence = run.length >= 3 && isLineStart;
    if (code === undefined) {
      if (isFence || run[0] === '`') code = { fence: run, isBlock: isFence };
    } else if (code.isBlock ? isFence && run.startsWith(code.fence) : run === code.fence) {
      code = undefined;
    }
    give(run);
    return end;
  }

  /** The numbers of a marker that are those of sources; null when it is none after all. */
  function readMarker([marker, ...groups]: RegExpExecArray, previous: string, next: string): number[] | null {
    const numbers = expand(groups.find((group) => group !== undefined) ?? '', count);
    const isLink = next === '(' || /[\]\\]$/.test(previous) || (next === ':' && /(?:^|\n)[^\S\n]*$/.test(previous));
    if (numbers === null || isLink) return null;
    const isGlued = /^\[\d/.test(marker) && /\w$/.test(previous);
    const isProse = PROSE.test(previous) && next !== '' && AFTER_PROSE.test(next);
    const supported = numbers.filter((number) => number <= count);
    return isGlued && !(isProse && supported.length === numbers.length) ? null : [...new Set(supported)];
  }

  return { read: (text) => take(held + text, false), end: () => take(held, true) };
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
