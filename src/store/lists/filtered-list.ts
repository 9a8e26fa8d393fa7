import { sql } from 'kysely';
import {
  comparePositions,
  type ListOrder,
  type ListOrders,
  type ListPosition,
  positionOf,
} from '../../domain/ordered-list.ts';
import type { Page } from '../pages.ts';
import type { Queryable, Tables } from '../tables.ts';
import { type Condition, keyset, type OrderColumn, orderColumns, orderValue } from './keyset.ts';

/** A part of a list that one index contains in the order of the list. */
export interface IndexRange {
  /** Makes SQLite use the index, if it would choose another; absent otherwise, and on Postgres. */
  readonly hint?: Condition | undefined;
  /** The conditions that select the range of the index. */
  readonly where: Condition;
  /** The conditions that each row of the range is checked for, at least one; its table is called `scanned`. */
  readonly checks: readonly Condition[];
}

/** A list of the rows of a table that meet a filter, in an order. */
export interface FilteredList<Row, Item extends { readonly id: string }, Field extends string> {
  readonly table: keyof Tables;
  readonly orders: ListOrders<Item, Field>;
  readonly order: ListOrder<Field>;
  readonly column: OrderColumn;
  /** The ranges that contain each row of the list once; none for a filter that selects nothing. */
  readonly ranges: readonly IndexRange[];
  readonly toItem: (row: Row) => Item;
}

/** A page of an ordered list, in the order of the list. */
export interface FilteredPage<Item> {
  readonly items: readonly Item[];
  /**
   * The position at which the reading stopped before it found as many items as requested; undefined if it found them,
   * or has reached the end of the list.
   */
  readonly stoppedAt: ListPosition | undefined;
}

/** The limits of the rows that a page checks, in steps that end when the page is full. */
export interface CheckLimits {
  /** The number of rows of each step. */
  readonly steps: readonly number[];
  /** The time after which no further step begins. */
  readonly maxMs: number;
}

/**
 * Most pages are full after the first step, for which Postgres always uses the index of the order; the second takes about
 * 10 ms.
 */
const CHECK_LIMITS: CheckLimits = { steps: [200, 9_800], maxMs: Number.POSITIVE_INFINITY };
/** The maximum number of rows that `countFiltered` checks by default. */
export const MAX_COUNTED = 50_000;
/** A list is read from this many ranges at most; if more are selected, rows of a larger range are checked instead. */
export const MAX_RANGES = 8;

/**
 * Reads a page of a list. Reads a bounded number of rows: if those that meet the filter are rare, and no index finds
 * them, the page ends early at `stoppedAt`, and the next continues there.
 */
export async function readFilteredPage<Row, Item extends { readonly id: string }, Field extends string>(
  db: Queryable,
  list: FilteredList<Row, Item, Field>,
  page: Page<ListPosition>,
  { steps, maxMs } = CHECK_LIMITS,
): Promise<FilteredPage<Item>> {
  const { order, orders, ranges } = list;
  const isAscending = (order.direction === 'ASC') !== (page.fromEnd === true);
  const [start, end] = page.fromEnd ? [page.before, page.after] : [page.after, page.before];
  const scan = { table: list.table, column: list.column, isAscending, start, end };
  const rangeSteps = steps.map((rows) => Math.ceil(rows / ranges.length));
  const limits = { limit: page.limit, steps: rangeSteps, deadline: performance.now() + maxMs };
  const parts = await Promise.all(ranges.map((range) => readRange<Row>(db, range, scan, limits)));
  const compare = (a: ListPosition, b: ListPosition) => (isAscending ? 1 : -1) * comparePositions(a, b);
  const [stoppedAt] = parts.flatMap((part) => part.stoppedAt ?? []).sort(compare);
  const found = parts
    .flatMap(({ rows }) => rows.map(list.toItem))
    .map((item) => ({ item, position: positionOf(orders, order.field, item) }))
    // The range whose reading stopped may contain more rows from there on.
    .filter(({ position }) => stoppedAt === undefined || compare(position, stoppedAt) <= 0)
    .sort((a, b) => compare(a.position, b.position))
    .slice(0, page.limit);
  const items = found.map(({ item }) => item);
  return {
    items: page.fromEnd ? items.reverse() : items,
    stoppedAt: found.length < page.limit ? stoppedAt : undefined,
  };
}

/** Counts the rows of a list among the first `maxCounted` of its ranges. */
export async function countFiltered<Row, Item extends { readonly id: string }, Field extends string>(
  db: Queryable,
  { table, column, order, ranges }: FilteredList<Row, Item, Field>,
  maxCounted = MAX_COUNTED,
): Promise<number> {
  const columns = orderColumns(column, order.direction === 'ASC');
  const counts = await Promise.all(
    ranges.map(async ({ hint = sql``, where, checks }) => {
      const { rows } = await sql<{ count: number | string }>`
        select count(*) as count from (
          select * from ${sql.table(table)} ${hint} where ${where}
          order by ${columns} limit ${Math.ceil(maxCounted / ranges.length)}
        ) as scanned where ${sql.join(checks, sql` and `)}`.execute(db);
      return Number(rows[0]?.count ?? 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The part of a range that a page reads: from `start` to `end`, which are excluded, in the direction of the reading. */
interface Scan {
  readonly table: string;
  readonly column: OrderColumn;
  /** The direction of the reading, which is against the order of the list if the page ends the list. */
  readonly isAscending: boolean;
  readonly start: ListPosition | undefined;
  readonly end: ListPosition | undefined;
}

/** Reads the first `limit` matching rows of a range, in steps; none begins after the deadline. */
async function readRange<Row>(
  db: Queryable,
  range: IndexRange,
  scan: Scan,
  { limit, steps, deadline }: { limit: number; steps: readonly number[]; deadline: number },
): Promise<{ rows: Row[]; stoppedAt: ListPosition | undefined }> {
  const rows: Row[] = [];
  let start = scan.start;
  let stoppedAt: ListPosition | undefined;
  for (const maxRows of steps) {
    const window = selectWindow(range, { ...scan, start });
    const checks = sql.join(range.checks, sql` and `);
    const matching = await sql<Row>`
      select * from (select * ${window} limit ${maxRows}) as scanned where ${checks} limit ${limit - rows.length}
    `.execute(db);
    rows.push(...matching.rows);
    if (rows.length >= limit) return { rows, stoppedAt: undefined };
    const last = await sql<ListPosition>`
      select ${orderValue(scan.column)} as value, id ${window} limit 1 offset ${maxRows - 1}`.execute(db);
    stoppedAt = last.rows[0];
    if (stoppedAt === undefined || performance.now() > deadline) break;
    start = stoppedAt;
  }
  return { rows, stoppedAt };
}

/** The rows of a range, in the direction of the reading; without the columns and the limit. */
function selectWindow({ hint = sql``, where }: IndexRange, { table, column, isAscending, start, end }: Scan) {
  const conditions = [
    where,
    start && keyset(column, isAscending ? '>' : '<', start),
    end && keyset(column, isAscending ? '<' : '>', end),
  ].filter((condition) => condition !== undefined);
  return sql`
    from ${sql.table(table)} ${hint} where ${sql.join(conditions, sql` and `)}
    order by ${orderColumns(column, isAscending)}`;
}
