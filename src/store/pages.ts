import type { Compilable, SelectQueryBuilder } from 'kysely';
import type { ListOrder, ListPosition } from '../domain/ordered-list.ts';
import { prepareQuery } from './engines/prepared.ts';
import { keyset, keysetValues, type OrderColumn, orderColumns } from './lists/keyset.ts';
import type { Queryable, Tables } from './tables.ts';

/**
 * A range of a list between two positions, which are excluded and need not exist. In a list ordered by id, a position is
 * an id.
 */
export interface Page<Position = string> {
  /** The maximum number of rows. */
  readonly limit: number;
  readonly after?: Position | undefined;
  readonly before?: Position | undefined;
  /** Whether to read from the end of the range; the rows are still in the list's order. Default: false. */
  readonly fromEnd?: boolean;
}

/** Builds the query for the full list, with placeholder values in its filters. */
type BuildList<TB extends keyof Tables, O> = (db: Queryable) => SelectQueryBuilder<Tables, TB, O>;

/**
 * Creates a function that reads the pages of a list, by keyset pagination: an index on the filtered columns and the id
 * finds any page directly, however deep. Each combination of page options is compiled once: see `prepareQuery`.
 * @param order the order of the list: `asc` is oldest first.
 * @param build builds the query; the values of each call replace its placeholders.
 */
export function prepareList<TB extends keyof Tables, O>(
  order: 'asc' | 'desc',
  build: BuildList<TB, O>,
): (db: Queryable, values: readonly unknown[], page: Page) => Promise<O[]> {
  const read = preparePages(order, build);
  const toPosition = (id: string | undefined) => (id === undefined ? undefined : { value: '', id });
  return async (db, values, page) => {
    const { after, before } = page;
    const rows = await read(db, [values], { ...page, after: toPosition(after), before: toPosition(before) });
    return toListOrder(page, rows);
  };
}

/**
 * Like `prepareList`, for the lists of several owners in the same order: the function returns one page per owner, in the
 * order of `ownerIds`. The ids must be distinct, and there must be at least one. One query reads all pages, because a
 * round trip to a server costs more than the query.
 * @param build builds the query; its first placeholder is the owner's id.
 * @param ownerColumn the column with the owner's id.
 * @param columnOf what orders the lists before the id, by the field of the order.
 */
export function prepareOrderedLists<TB extends keyof Tables, O, Field extends string>(
  build: BuildList<TB, O>,
  ownerColumn: keyof O,
  columnOf: (field: Field) => OrderColumn,
) {
  const readers = new Map<string, ReturnType<typeof preparePages<TB, O>>>();
  return async (
    db: Queryable,
    ownerIds: readonly string[],
    values: readonly unknown[],
    { order, page }: { order: ListOrder<Field>; page: Page<ListPosition> },
  ): Promise<O[][]> => {
    const { field, direction } = order;
    const readerKey = `${field} ${direction}`;
    const read = readers.get(readerKey) ?? preparePages(direction === 'ASC' ? 'asc' : 'desc', build, columnOf(field));
    readers.set(readerKey, read);
    // No owner has the empty id, so the padding finds nothing.
    const padding = Array<string>(paddedSize(ownerIds.length) - ownerIds.length).fill('');
    const rows = await read(
      db,
      [...ownerIds, ...padding].map((id) => [id, ...values]),
      page,
    );
    const lists = Map.groupBy(rows, (row) => row[ownerColumn] as string);
    return ownerIds.map((id) => toListOrder(page, lists.get(id) ?? []));
  };
}

/** Reads a page of rows in memory, in any order; returns them ordered by id. */
export function pageOf<T extends { readonly id: string }>(
  rows: readonly T[],
  { limit, after, before, fromEnd }: Page,
): T[] {
  const range = rows
    .filter(({ id }) => (after === undefined || id > after) && (before === undefined || id < before))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return fromEnd ? range.slice(Math.max(0, range.length - limit)) : range.slice(0, limit);
}

/** Restores the list's order for a page that was read from the end. */
const toListOrder = <O>({ fromEnd }: Page<unknown>, rows: O[]): O[] => (fromEnd ? rows.reverse() : rows);

/** Creates a function that reads a page of one list or of several; the rows of each list are in order. */
function preparePages<TB extends keyof Tables, O>(
  order: 'asc' | 'desc',
  build: BuildList<TB, O>,
  column: OrderColumn = null,
) {
  const ascending = order === 'asc';
  const queries = new Map<string, ReturnType<typeof prepareQuery<O>>>();

  function buildPage(db: Queryable, { after, before, fromEnd }: Page<ListPosition>) {
    const isFurther = (comparison: '<' | '>') => keyset(column, comparison, { value: '', id: '' });
    // Every listed table has a text id, but Kysely's types cannot express that for a generic table.
    let rows = build(db) as unknown as SelectQueryBuilder<{ t: Record<string, string> }, 't', O>;
    if (after !== undefined) rows = rows.where(isFurther(ascending ? '>' : '<'));
    if (before !== undefined) rows = rows.where(isFurther(ascending ? '<' : '>'));
    return rows.orderBy(orderColumns(column, ascending !== (fromEnd === true))).limit(1);
  }

  function buildPages(db: Queryable, count: number, page: Page<ListPosition>) {
    if (count === 1) return buildPage(db, page);
    const selectPage = () => db.selectFrom(buildPage(db, page).as('page')).selectAll();
    let pages = selectPage();
    for (let n = 1; n < count; n++) pages = pages.unionAll(selectPage());
    return pages as unknown as Compilable<O>;
  }

  return (db: Queryable, lists: readonly (readonly unknown[])[], page: Page<ListPosition>): Promise<O[]> => {
    const { limit, after, before, fromEnd } = page;
    const queryKey = `${lists.length} ${after !== undefined} ${before !== undefined} ${fromEnd === true}`;
    const read = queries.get(queryKey) ?? prepareQuery<O>((handle) => buildPages(handle, lists.length, page));
    queries.set(queryKey, read);
    const positions = [after, before].filter((position) => position !== undefined);
    const pageValues = [...positions.flatMap((position) => keysetValues(column, position)), limit];
    return read(
      db,
      lists.flatMap((values) => [...values, ...pageValues]),
    );
  };
}

/**
 * Pads a list of ids to the next power of two by repeating the last id, so that `id in (…)` compiles to only a few
 * distinct statements. The list must not be empty.
 */
export function padIds(ids: readonly string[]): string[] {
  const lastId = ids[ids.length - 1] ?? '';
  return [...ids, ...Array<string>(paddedSize(ids.length) - ids.length).fill(lastId)];
}

const paddedSize = (length: number): number => 2 ** Math.ceil(Math.log2(length));
