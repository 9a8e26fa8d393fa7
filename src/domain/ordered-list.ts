import type { IdKind } from './ids.ts';
import type { Timestamp } from './time.ts';

/** The order of a list by one of its fields. Items with equal values are ordered by id, in the same direction. */
export interface ListOrder<Field extends string> {
  readonly field: Field;
  readonly direction: 'ASC' | 'DESC';
}

/** The orders that lists of one kind of items have. */
export interface ListOrders<Item, Field extends string> {
  readonly kind: IdKind;
  /**
   * The value of an item by the field that orders it; null for the order of creation, which the ids alone express. So
   * new items are the newest also after the clock was set back. Never remove or reorder fields: cursors contain their
   * numbers.
   */
  readonly values: { readonly [F in Field]: ((item: Item) => string) | null };
}

/** The position of an item in an order: its value, which is empty in the order of creation, and its id. */
export interface ListPosition {
  readonly value: string;
  readonly id: string;
}

/** The times from `since` on and before `until`; an absent bound is open. */
export interface TimeRange {
  readonly since?: Timestamp | undefined;
  readonly until?: Timestamp | undefined;
}

/** Returns the position of an item in the order by a field. */
export function positionOf<Item extends { readonly id: string }, Field extends string>(
  { values }: ListOrders<Item, Field>,
  field: Field,
  item: Item,
): ListPosition {
  return { value: values[field]?.(item) ?? '', id: item.id };
}

/** Compares two positions like both engines do: below 0 if `a` comes first in ascending order. */
export function comparePositions(a: ListPosition, b: ListPosition): number {
  return compareTexts(a.value, b.value) || compareTexts(a.id, b.id);
}

/** Compares the bytes of the texts, as they order texts with characters beyond the Basic Multilingual Plane correctly. */
function compareTexts(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
