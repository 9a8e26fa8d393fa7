import type { Compilable, SelectQueryBuilder } from 'kysely';
import { prepareQuery } from './engines/prepared.ts';
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

/** Makes a query, filtered by any values, of all that a list holds. */
type BuildList<TB extends keyof Tables, O> = (db: Queryable) => SelectQueryBuilder<Tables, TB, O>;

/**
 * Makes a list that is read page by page, by its keys: the index that starts with the filtered columns and ends with the
 * id finds the place at once, however deep it lies. Each shape of a page is compiled once: see `prepareQuery`.
 * @param order the list's own order: `asc` is oldest first.
 * @param build makes the query; its values are replaced by those given.
 */
export function prepareList<TB extends keyof Tables, O>(
  order: 'asc' | 'desc',
  build: BuildList<TB, O>,
): (db: Queryable, values: readonly unknown[], page: Page) => Promise<O[]> {
  const read = prepareShapes(order, build);
  return async (db, values, page) => inOrder(page, await read(db, [values], page));
}

/**
 * The same of lists that many have: the page of each owner, in the order of `owners`, which are distinct and one at
 * least. They are one query, as the way to a server costs more than what is asked of it.
 * @param build makes the query; its first value is the owner, which stands in the column `owner`.
 */
export function prepareLists<TB extends keyof Tables, O>(
  order: 'asc' | 'desc',
  build: BuildList<TB, O>,
  owner: keyof O,
): (db: Queryable, owners: readonly string[], values: readonly unknown[], page: Page) => Promise<O[][]> {
  const read = prepareShapes(order, build);
  return async (db, owners, values, page) => {
    // Nobody has an id without a letter, and so nothing.
    const nobody = Array<string>(paddedSize(owners.length) - owners.length).fill('');
    const rows = await read(
      db,
      [...owners, ...nobody].map((id) => [id, ...values]),
      page,
    );
    const lists = Map.groupBy(rows, (row) => row[owner] as string);
    return owners.map((id) => inOrder(page, lists.get(id) ?? []));
  };
}

/** In the list's order, whichever end a page was read from. */
const inOrder = <O>({ fromEnd }: Page, rows: O[]): O[] => (fromEnd ? rows.reverse() : rows);

/** Reads a page of one list or several; the rows of each are in order. */
function prepareShapes<TB extends keyof Tables, O>(order: 'asc' | 'desc', build: BuildList<TB, O>) {
  const ascending = order === 'asc';
  const shapes = new Map<string, ReturnType<typeof prepareQuery<O>>>();

  function buildPage(db: Queryable, { after, before, fromEnd }: Page) {
    // Every table that is listed has a text id; the builder's types cannot say so for an unknown table.
    let rows = build(db) as unknown as SelectQueryBuilder<{ t: { id: string } }, 't', O>;
    if (after !== undefined) rows = rows.where('id', ascending ? '>' : '<', after);
    if (before !== undefined) rows = rows.where('id', ascending ? '<' : '>', before);
    return rows.orderBy('id', ascending === (fromEnd === true) ? 'desc' : 'asc').limit(1);
  }

  function buildPages(db: Queryable, count: number, page: Page) {
    if (count === 1) return buildPage(db, page);
    const selectPage = () => db.selectFrom(buildPage(db, page).as('page')).selectAll();
    let pages = selectPage();
    for (let n = 1; n < count; n++) pages = pages.unionAll(selectPage());
    return pages as unknown as Compilable<O>;
  }

  return (db: Queryable, lists: readonly (readonly unknown[])[], page: Page): Promise<O[]> => {
    const { limit, after, before, fromEnd } = page;
    const shape = `${lists.length} ${after !== undefined} ${before !== undefined} ${fromEnd === true}`;
    const read = shapes.get(shape) ?? prepareQuery<O>((handle) => buildPages(handle, lists.length, page));
    shapes.set(shape, read);
    const place = [...[after, before].filter((id) => id !== undefined), limit];
    return read(
      db,
      lists.flatMap((values) => [...values, ...place]),
    );
  };
}

/**
 * Fills a list of ids up to the next power of two by repeating its last, so that `id in (…)` compiles to a handful of
 * distinct statements. The list must not be empty.
 */
export function padIds(ids: readonly string[]): string[] {
  const last = ids[ids.length - 1] ?? '';
  return [...ids, ...Array<string>(paddedSize(ids.length) - ids.length).fill(last)];
}

const paddedSize = (length: number): number => 2 ** Math.ceil(Math.log2(length));
