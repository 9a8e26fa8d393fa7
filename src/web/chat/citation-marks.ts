import type { Citation } from './conversation.ts';

/**
 * In Markdown, a mark is a private-use character between two object replacement characters. The latter count as
 * symbols, so Markdown treats a mark like punctuation: `**bold.**` still ends before a mark.
 */
const MARK_DELIMITER = '\uFFFC';
const FIRST = 0xe000;
const MOST = 0x100;
const MARK = /\uFFFC([\uE000-\uE0FF])\uFFFC/;
const ENCODED = /\uFFFC[\uE000-\uE0FF]\uFFFC|%EF%BF%BC%EE%8[0-3]%[89AB][0-9A-F]%EF%BF%BC/gi;

/** A citation with its shown number. Citations of one passage share a number. */
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
 * Inserts a mark for each citation at the end of its span in the Markdown, or next to the end if it would break the
 * syntax. `citations` are in the order of the text.
 */
export function insertMarks(content: string, citations: readonly NumberedCitation[]): string {
  const clean = withoutMarks(content);
  let marked = '';
  let from = 0;
  for (const [index, { end }] of citations.slice(0, MOST).entries()) {
    const { at, before } = findMarkPosition(clean, Math.min(Math.max(end, 0), clean.length));
    const place = Math.max(at, from);
    marked += clean.slice(from, place) + before + markOf(index);
    from = place;
  }
  return marked + clean.slice(from);
}

/**
 * Inserts mark 0 at the start of a span of Markdown and mark 1 at its end, or next to them if a mark would break the
 * syntax.
 */
export function insertEnds(content: string, start: number, end: number): string {
  const clean = withoutMarks(content);
  const line = clean.slice(start).split('\n', 1)[0] ?? '';
  const isLineStart = /(^|\n)[^\S\n]*$/.test(clean.slice(0, start));
  // The prefix that makes a line a heading, a list item or a table row stays before the mark. A code block must start
  // on a new line.
  const [prefix = ''] = isLineStart ? (/^(\s*([-*+>|]|\d+[.)]|#{1,6})(?=\s))*\s*/.exec(line) ?? []) : [];
  const gap = isLineStart && /^\s*(`{3}|~{3})/.test(line) ? '\n\n' : '';
  const begin = Math.min(start + prefix.length, end);
  const { at, before } = findMarkPosition(clean, end);
  return clean.slice(0, begin) + markOf(0) + gap + clean.slice(begin, at) + before + markOf(1) + clean.slice(at);
}

const markOf = (index: number) => MARK_DELIMITER + String.fromCharCode(FIRST + index) + MARK_DELIMITER;

/** Replaces the characters of marks in a text by others of the same length, so that offsets stay valid. */
const withoutMarks = (content: string) => content.replace(/[\uFFFC\uE000-\uE0FF]/g, '\uFFFD');

/** The offset at which a mark can be inserted, and the text that must precede it. */
function findMarkPosition(content: string, end: number): { readonly at: number; readonly before: string } {
  const line = content.slice(content.lastIndexOf('\n', end - 1) + 1, end);
  // Nothing may follow on the line that ends a code block.
  if (/^\s*(`{3,}|~{3,})\s*$/.test(line)) return { at: end, before: '\n\n' };
  // After the last bar of a table row, the mark would be another column.
  if (/^\s*\|.*\|\s*$/.test(line)) return { at: end - (line.length - line.lastIndexOf('|')), before: '' };
  // A bare URL ends at a space.
  if (/https?:\/\//.test(line.split(/\s/).at(-1) ?? '')) return { at: end, before: ' ' };
  return { at: end, before: '' };
}

/** Splits a rendered text at its marks into texts and the indexes of citations. */
export function splitAtMarks(text: string): (string | number)[] {
  return text
    .split(MARK)
    .map((part, index) => (index % 2 === 0 ? part : part.charCodeAt(0) - FIRST))
    .filter((part) => part !== '');
}

/** Removes the marks from a text or a URL. */
export function removeMarks(text: string): string {
  return text.replace(ENCODED, '');
}
