import type { SelectQueryBuilder } from 'kysely';
import type { Tables } from './tables.ts';

/** A stretch of a list that is ordered by id. `after` and `before` are ids that need not exist any more. */
export interface Page {
  /** At most so many rows. */
  readonly limit: number;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  /** Take the rows from the end of the stretch instead of its beginning; they still come in the list's order. */
  readonly fromEnd?: boolean;
}

/**
 * Reads one page by its keys: the index that starts with the filtered columns and ends with the id finds the place at
 * once, however deep it lies. `order` is the list's own order: `asc` is oldest first.
 */
export async function readPage<TB extends keyof Tables, O>(
  query: SelectQueryBuilder<Tables, TB, O>,
  order: 'asc' | 'desc',
  page: Page,
): Promise<O[]> {
  const ascending = order === 'asc';
  // Every table that is listed has a text id; the builder's types cannot say so for an unknown table.
  let rows = query as unknown as SelectQueryBuilder<{ t: { id: string } }, 't', O>;
  if (page.after !== undefined) rows = rows.where('id', ascending ? '>' : '<', page.after);
  if (page.before !== undefined) rows = rows.where('id', ascending ? '<' : '>', page.before);
  rows = rows.orderBy('id', ascending === (page.fromEnd === true) ? 'desc' : 'asc').limit(page.limit);
  const found = await rows.execute();
  return page.fromEnd ? found.reverse() : found;
}

/**
 * Fills a list of ids up to the next power of two by repeating its last, so that `id in (…)` compiles to a handful of
 * distinct statements. The list must not be empty.
 */
export function padIds(ids: readonly string[]): string[] {
  const size = 2 ** Math.ceil(Math.log2(ids.length));
  const last = ids[ids.length - 1] ?? '';
  return [...ids, ...Array<string>(size - ids.length).fill(last)];
}
