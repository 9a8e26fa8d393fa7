import type { Citation } from './conversation.ts';

/**
 * A mark shows where a citation belongs in Markdown. It consists of a private-use character between two object
 * replacement characters. The latter count as symbols, so Markdown treats a mark like punctuation: in `**bold.**`
 * followed by a mark, the emphasis still ends.
 */
const MARK_DELIMITER = '\uFFFC';
const FIRST_MARK_CODE = 0xe000;
const MAX_MARKS = 0x100;
const MARK_PATTERN = /\uFFFC([\uE000-\uE0FF])\uFFFC/;
const RAW_OR_ENCODED_MARK = /\uFFFC[\uE000-\uE0FF]\uFFFC|%EF%BF%BC%EE%8[0-3]%[89AB][0-9A-F]%EF%BF%BC/gi;

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
 * Inserts a mark for each citation at the end of its span in the Markdown, or next to the end where a mark would break
 * the syntax.
 * @param citations in the order of the text.
 */
export function insertMarks(content: string, citations: readonly NumberedCitation[]): string {
  const clean = replaceMarkCharacters(content);
  let marked = '';
  let copiedUntil = 0;
  for (const [index, { end }] of citations.slice(0, MAX_MARKS).entries()) {
    const { offset, separator } = findMarkPosition(clean, Math.min(Math.max(end, 0), clean.length));
    const insertAt = Math.max(offset, copiedUntil);
    marked += clean.slice(copiedUntil, insertAt) + separator + createMark(index);
    copiedUntil = insertAt;
  }
  return marked + clean.slice(copiedUntil);
}

/**
 * Inserts mark 0 at the start of a span of Markdown, and mark 1 at its end, or next to them where a mark would break
 * the syntax.
 */
export function insertSpanMarks(content: string, start: number, end: number): string {
  const clean = replaceMarkCharacters(content);
  const line = clean.slice(start).split('\n', 1)[0] ?? '';
  const isLineStart = /(^|\n)[^\S\n]*$/.test(clean.slice(0, start));
  // The prefix that makes a line a heading, a list item or a table row stays before the mark. A code block must start
  // on a new line.
  const [prefix = ''] = isLineStart ? (/^(\s*([-*+>|]|\d+[.)]|#{1,6})(?=\s))*\s*/.exec(line) ?? []) : [];
  const gap = isLineStart && /^\s*(`{3}|~{3})/.test(line) ? '\n\n' : '';
  const startOffset = Math.min(start + prefix.length, end);
  const { offset, separator } = findMarkPosition(clean, end);
  const opening = clean.slice(0, startOffset) + createMark(0) + gap;
  return opening + clean.slice(startOffset, offset) + separator + createMark(1) + clean.slice(offset);
}

const createMark = (index: number) => MARK_DELIMITER + String.fromCharCode(FIRST_MARK_CODE + index) + MARK_DELIMITER;

/** Replaces the characters of marks in a text by others of the same length, so that offsets stay valid. */
const replaceMarkCharacters = (content: string) => content.replace(/[\uFFFC\uE000-\uE0FF]/g, '\uFFFD');

/** The offset at which a mark can be inserted, and the text that must precede it. */
function findMarkPosition(content: string, end: number): { readonly offset: number; readonly separator: string } {
  const line = content.slice(content.lastIndexOf('\n', end - 1) + 1, end);
  // Nothing may follow on the line that ends a code block.
  if (/^\s*(`{3,}|~{3,})\s*$/.test(line)) return { offset: end, separator: '\n\n' };
  // After the last bar of a table row, the mark would create another column.
  if (/^\s*\|.*\|\s*$/.test(line)) return { offset: end - (line.length - line.lastIndexOf('|')), separator: '' };
  return { offset: end, separator: '' };
}

/** Splits a rendered text at its marks, into texts and the indexes of the marks. */
export function splitAtMarks(text: string): (string | number)[] {
  return text
    .split(MARK_PATTERN)
    .map((part, index) => (index % 2 === 0 ? part : part.charCodeAt(0) - FIRST_MARK_CODE))
    .filter((part) => part !== '');
}

/** Removes the marks from a text or a URL. */
export function removeMarks(text: string): string {
  return text.replace(RAW_OR_ENCODED_MARK, '');
}
