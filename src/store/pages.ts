import type { SelectQueryBuilder } from 'kysely';
import { prepareQuery } from './prepared.ts';
import type { Queryable, Tables } from './tables.ts';

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
 * Makes a list that is read page by page, by its keys: the index that starts with the filtered columns and ends with the
 * id finds the place at once, however deep it lies. Each shape of a page is compiled once: see `prepareQuery`.
 * @param order the list's own order: `asc` is oldest first.
 * @param build makes the query of the whole list, filtered by any values; they are replaced by those given.
 */
export function prepareList<TB extends keyof Tables, O>(
  order: 'asc' | 'desc',
  build: (db: Queryable) => SelectQueryBuilder<Tables, TB, O>,
): (db: Queryable, values: readonly unknown[], page: Page) => Promise<O[]> {
  const ascending = order === 'asc';
  const shapes = new Map<string, ReturnType<typeof prepareQuery<O>>>();

  function prepareShape({ after, before, fromEnd }: Page) {
    return prepareQuery<O>((db) => {
      // Every table that is listed has a text id; the builder's types cannot say so for an unknown table.
      let rows = build(db) as unknown as SelectQueryBuilder<{ t: { id: string } }, 't', O>;
      if (after !== undefined) rows = rows.where('id', ascending ? '>' : '<', after);
      if (before !== undefined) rows = rows.where('id', ascending ? '<' : '>', before);
      return rows.orderBy('id', ascending === (fromEnd === true) ? 'desc' : 'asc').limit(1);
    });
  }

  return async (db, values, page) => {
    const { limit, after, before, fromEnd } = page;
    const shape = `${after !== undefined} ${before !== undefined} ${fromEnd === true}`;
    const read = shapes.get(shape) ?? prepareShape(page);
    shapes.set(shape, read);
    const found = await read(db, [...values, ...[after, before].filter((id) => id !== undefined), limit]);
    return fromEnd ? found.reverse() : found;
  };
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
