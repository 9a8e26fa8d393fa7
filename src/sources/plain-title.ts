import { isTableDelimiterRow, splitTableRow } from '../domain/markdown/table.ts';
import { SECTION_START } from './sections.ts';

/** A link in a heading. */
const LINK = /\[([^[\]]*)\]\([^()\s]*\)/g;

/** Removes what is left of markup in a heading of clean Markdown: links, and the marks of inline code. */
export function toPlainTitle(heading: string): string {
  return heading.replace(LINK, '$1').replaceAll('`', '').trim();
}

/** Returns the first line with words in clean Markdown, without its markup; '' if there is none. */
export function findFirstLine(markdown: string): string {
  const lines = markdown.slice(0, 5_000).split('\n');
  const index = lines.findIndex((line) => /[\p{L}\p{N}]/u.test(line) && !/^\s*(?:```|~~~)/.test(line));
  const line = (lines[index] ?? lines[0] ?? '').replaceAll(SECTION_START, '').trim();
  const isTable = isTableDelimiterRow(lines[index + 1] ?? '');
  return toPlainTitle(isTable ? splitTableRow(line).join(', ') : line.replace(/^(?:#+|[-*+]|\d{1,9}[.)])\s+/, ''));
}
