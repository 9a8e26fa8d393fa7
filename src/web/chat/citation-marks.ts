import type { Citation } from './conversation.ts';

/**
 * Marks stand in the Markdown as a character of private use between two object replacement characters. Those count as
 * symbols, so that Markdown sees a mark as it sees punctuation: `**bold.**` still ends before one.
 */
const SHELL = '\uFFFC';
const FIRST = 0xe000;
const MOST = 0x100;
const MARK = /\uFFFC([\uE000-\uE0FF])\uFFFC/;
const ENCODED = /\uFFFC[\uE000-\uE0FF]\uFFFC|%EF%BF%BC%EE%8[0-3]%[89AB][0-9A-F]%EF%BF%BC/gi;

/** A citation with the number that it is shown by. Citations of one passage share a number. */
export interface NumberedCitation extends Citation {
  readonly number: number;
}

/** Numbers citations in the order of the text. */
export function numberCitations(citations: readonly Citation[]): NumberedCitation[] {
  const numbers = new Map<string, number>();
  return [...citations]
    .sort((a, b) => a.end - b.end)
    .map((citation) => {
      const key = citation.passage?.id ?? `${citation.title}\n${citation.quote}`;
      const number = numbers.get(key) ?? numbers.size + 1;
      numbers.set(key, number);
      return { ...citation, number };
    });
}

/**
 * Puts a mark for each citation where its stretch of the Markdown ends, or beside it where it would break what stands
 * there. `citations` are in the order of the text.
 */
export function insertMarks(content: string, citations: readonly NumberedCitation[]): string {
  const clean = cleanOf(content);
  let marked = '';
  let from = 0;
  for (const [index, { end }] of citations.slice(0, MOST).entries()) {
    const { at, before } = placeOf(clean, Math.min(Math.max(end, 0), clean.length));
    const place = Math.max(at, from);
    marked += clean.slice(from, place) + before + markOf(index);
    from = place;
  }
  return marked + clean.slice(from);
}

/**
 * Puts mark 0 where a stretch of Markdown begins and mark 1 where it ends, or beside it where they would break what
 * stands there.
 */
export function insertEnds(content: string, start: number, end: number): string {
  const clean = cleanOf(content);
  const line = clean.slice(start).split('\n', 1)[0] ?? '';
  const isLineStart = /(^|\n)[^\S\n]*$/.test(clean.slice(0, start));
  // What makes a line a heading, an item or a row stays before the mark; a block of code begins a line of its own.
  const [prefix = ''] = isLineStart ? (/^(\s*([-*+>|]|\d+[.)]|#{1,6})(?=\s))*\s*/.exec(line) ?? []) : [];
  const gap = isLineStart && /^\s*(`{3}|~{3})/.test(line) ? '\n\n' : '';
  const begin = Math.min(start + prefix.length, end);
  const { at, before } = placeOf(clean, end);
  return clean.slice(0, begin) + markOf(0) + gap + clean.slice(begin, at) + before + markOf(1) + clean.slice(at);
}

const markOf = (index: number) => SHELL + String.fromCharCode(FIRST + index) + SHELL;

/** A text that holds no marks, as long as before, so that places in it stay right. */
const cleanOf = (content: string) => content.replace(/[\uFFFC\uE000-\uE0FF]/g, '\uFFFD');

/** Where a mark can stand, and what has to stand before it. */
function placeOf(content: string, end: number): { readonly at: number; readonly before: string } {
  const line = content.slice(content.lastIndexOf('\n', end - 1) + 1, end);
  // After the end of a block of code nothing may stand on the same line.
  if (/^\s*(`{3,}|~{3,})\s*$/.test(line)) return { at: end, before: '\n\n' };
  // After the last bar of a row it would be a column of its own.
  if (/^\s*\|.*\|\s*$/.test(line)) return { at: end - (line.length - line.lastIndexOf('|')), before: '' };
  // An address without brackets ends where a space is.
  if (/https?:\/\//.test(line.split(/\s/).at(-1) ?? '')) return { at: end, before: ' ' };
  return { at: end, before: '' };
}

/** Cuts a rendered text at its marks: texts, and the indexes of citations. */
export function splitAtMarks(text: string): (string | number)[] {
  return text
    .split(MARK)
    .map((part, index) => (index % 2 === 0 ? part : part.charCodeAt(0) - FIRST))
    .filter((part) => part !== '');
}

/** Takes the marks out of a text or an address. */
export function removeMarks(text: string): string {
  return text.replace(ENCODED, '');
}
