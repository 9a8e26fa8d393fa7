import { toIndexTerms } from '../domain/language/terms.ts';
import { describeTables } from '../domain/markdown/table.ts';
import type { Chunk } from './chunk.ts';

/**
 * The text of a passage by which a search finds it: the title of its source, its headings, and the text itself, in which
 * each row of a table carries the names of its columns.
 */
export function toIndexedText(title: string, { headingPath, text }: Chunk): string {
  return [title, ...headingPath, describeTables(text)].join('\n');
}

/** The index terms of a passage. */
export function toPassageTerms(title: string, chunk: Chunk): string[] {
  return toIndexTerms(toIndexedText(title, chunk));
}
