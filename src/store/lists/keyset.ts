import { type RawBuilder, sql } from 'kysely';
import type { ListPosition } from '../../domain/ordered-list.ts';

/** A condition on a row, or another part of a query. */
export type Condition = RawBuilder<unknown>;

/** The name of a column, or an expression, that orders a list before the id; null if only the id does. */
export type OrderColumn = string | Condition | null;

/** The condition that a row comes after a position in ascending order (`>`), or before it (`<`). */
export function keyset(column: OrderColumn, comparison: '<' | '>', { value, id }: ListPosition): RawBuilder<boolean> {
  const compare = sql.raw(comparison);
  if (column === null) return sql`id ${compare} ${id}`;
  const ordered = toSql(column);
  const isBeyond = sql<boolean>`(${ordered}, id) ${compare} (${value}, ${id})`;
  // SQLite finds a row value in an index of columns only. In one of an expression it finds the first condition.
  return typeof column === 'string' ? isBeyond : sql`${ordered} ${compare}= ${value} and ${isBeyond}`;
}

/** The values in the condition of `keyset`, in the order of its parameters. */
export function keysetValues(column: OrderColumn, { value, id }: ListPosition): string[] {
  if (column === null) return [id];
  return typeof column === 'string' ? [value, id] : [value, value, id];
}

/** The columns that order a list, in a direction. */
export function orderColumns(column: OrderColumn, isAscending: boolean): Condition {
  const direction = sql.raw(isAscending ? 'asc' : 'desc');
  return column === null ? sql`id ${direction}` : sql`${toSql(column)} ${direction}, id ${direction}`;
}

const toSql = (column: string | Condition): Condition => (typeof column === 'string' ? sql.ref(column) : column);

/** The value that orders a row before its id, empty if only the id does. */
export const orderValue = (column: OrderColumn): Condition => (column === null ? sql.lit('') : toSql(column));
