import type { Compilable, SelectQueryBuilder } from 'kysely';
import { prepareQuery } from './engines/prepared.ts';
import type { Queryable, Tables } from './tables.ts';

/** A range of a list ordered by id. The rows with the ids `after` and `before` need not exist any more. */
export interface Page {
  /** The maximum number of rows. */
  readonly limit: number;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  /** Reads from the end of the range instead of its beginning; the rows are still in the list's order. */
  readonly fromEnd?: boolean;
}

/** Builds the query for the full list, with placeholder values in its filters. */
type BuildList<TB extends keyof Tables, O> = (db: Queryable) => SelectQueryBuilder<Tables, TB, O>;

/**
 * Creates a function that reads a list page by page, by key: an index that starts with the filtered columns and ends
 * with the id finds any page directly, however deep. Each combination of page options is compiled once: see
 * `prepareQuery`.
 * @param order the order of the list: `asc` is oldest first.
 * @param build builds the query; the values of each call replace its placeholders.
 */
export function prepareList<TB extends keyof Tables, O>(
  order: 'asc' | 'desc',
  build: BuildList<TB, O>,
): (db: Queryable, values: readonly unknown[], page: Page) => Promise<O[]> {
  const read = prepareShapes(order, build);
  return async (db, values, page) => inOrder(page, await read(db, [values], page));
}

/**
 * Like `prepareList`, for the lists of several owners: the function returns one page per owner, in the order of
 * `owners`, which are distinct and at least one. One query reads all of them, because a round trip to a server costs
 * more than the query.
 * @param build builds the query; its first placeholder is the owner, which is in the column `owner`.
 */
export function prepareLists<TB extends keyof Tables, O>(
  order: 'asc' | 'desc',
  build: BuildList<TB, O>,
  owner: keyof O,
): (db: Queryable, owners: readonly string[], values: readonly unknown[], page: Page) => Promise<O[][]> {
  const read = prepareShapes(order, build);
  return async (db, owners, values, page) => {
    // No owner has the empty id, so the padding finds nothing.
    const padding = Array<string>(paddedSize(owners.length) - owners.length).fill('');
    const rows = await read(
      db,
      [...owners, ...padding].map((id) => [id, ...values]),
      page,
    );
    const lists = Map.groupBy(rows, (row) => row[owner] as string);
    return owners.map((id) => inOrder(page, lists.get(id) ?? []));
  };
}

/** Restores the list's order for a page that was read from the end. */
const inOrder = <O>({ fromEnd }: Page, rows: O[]): O[] => (fromEnd ? rows.reverse() : rows);

/** Creates a function that reads a page of one list or of several; the rows of each list are in order. */
function prepareShapes<TB extends keyof Tables, O>(order: 'asc' | 'desc', build: BuildList<TB, O>) {
  const ascending = order === 'asc';
  const shapes = new Map<string, ReturnType<typeof prepareQuery<O>>>();

  function buildPage(db: Queryable, { after, before, fromEnd }: Page) {
    // Every listed table has a text id, which the builder's types cannot express for an unknown table.
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
    const pageValues = [...[after, before].filter((id) => id !== undefined), limit];
    return read(
      db,
      lists.flatMap((values) => [...values, ...pageValues]),
    );
  };
}

/**
 * Pads a list of ids to the next power of two by repeating the last, so that `id in (…)` compiles to a few distinct
 * statements. The list must not be empty.
 */
export function padIds(ids: readonly string[]): string[] {
  const lastId = ids[ids.length - 1] ?? '';
  return [...ids, ...Array<string>(paddedSize(ids.length) - ids.length).fill(lastId)];
}

const paddedSize = (length: number): number => 2 ** Math.ceil(Math.log2(length));
