import type { EnumRef, InputObjectRef } from '@pothos/core';
import { type ListOrder, type ListOrders, type ListPosition, positionOf } from '../src/domain/ordered-list.ts';
import { MAX_COUNTED } from '../src/store/lists/filtered-list.ts';
import type { Page } from '../src/store/pages.ts';
import { builder } from './builder.ts';
import { createCursorError, decodeId, encodeId, type PageArgs, readArgs, toConnection } from './connection.ts';

const LIMIT = MAX_COUNTED.toLocaleString('en');

/** The rules of lists with a filter, for their descriptions. */
export const LIST_RULES = `A page of a filtered list may end before it is full, or have no items, while \`hasNextPage\` is true (\`hasPreviousPage\` with \`last\`): \`endCursor\` (\`startCursor\`) continues the search. \`totalCount\` of a filtered list counts among its first ${LIMIT} candidates.`;

/** The rules of lists of the whole account, for their descriptions. */
export const ACCOUNT_LIST_RULES = `${LIST_RULES} It is at most ${LIMIT}.`;

const OrderDirection = builder.enumType('OrderDirection', {
  description: 'The direction of an order.',
  values: {
    ASC: { description: 'Ascending: the earliest, or the first in the alphabet, comes first.' },
    DESC: { description: 'Descending: the latest, or the last in the alphabet, comes first.' },
  } satisfies Record<ListOrder<string>['direction'], object>,
});

/**
 * Defines the input for the order of lists of a type: `<Type>Order`, with the enum `<Type>OrderField`.
 * @param fields the descriptions of the fields by their names.
 * @param defaults the order of a list without the input, and the values of its absent fields.
 * @returns the argument `orderBy`, and a function that converts its value.
 */
export function defineOrder<Field extends string>(
  type: string,
  fields: Readonly<Record<Field, string>>,
  defaults: ListOrder<Field>,
) {
  // Pothos cannot infer the types of a generic enum and of an input with it.
  const field = builder.enumType(`${type}OrderField`, {
    description: `A field that orders lists of the type \`${type}\`.`,
    values: Object.fromEntries(
      Object.entries<string>(fields).map(([name, description]) => [name, { value: name, description }]),
    ),
  }) as EnumRef<SchemaTypes, string>;
  const input = builder.inputType(`${type}Order`, {
    description: `The order of a list of the type \`${type}\`. A cursor is valid for one order only: with any other, it is refused with \`BAD_USER_INPUT\`.`,
    fields: (t) => ({
      field: t.field({ type: field, defaultValue: defaults.field, description: 'The field that orders the list.' }),
      direction: t.field({
        type: OrderDirection,
        defaultValue: defaults.direction,
        description: 'The direction of the order.',
      }),
    }),
  }) as unknown as InputObjectRef<SchemaTypes, OrderShape<Field>>;
  const { field: defaultField, direction } = defaults;
  return {
    orderBy: {
      type: input,
      description: `The order; if absent, \`{ field: ${defaultField}, direction: ${direction} }\`.`,
    },
    toOrder: (value: OrderShape<Field> | null | undefined): ListOrder<Field> => ({
      field: value?.field ?? defaultField,
      direction: value?.direction ?? direction,
    }),
  } as const;
}

type SchemaTypes = typeof builder.$inferSchemaTypes;
type OrderShape<Field extends string> = { [K in keyof ListOrder<Field>]?: ListOrder<Field>[K] | null };

/** A page of the store: see `FilteredPage`. */
interface StorePage<Item> {
  readonly items: readonly Item[];
  readonly stoppedAt?: ListPosition | undefined;
}

/**
 * Reads one page of an ordered list for a connection field.
 * @param read reads the page; its limit is one item more than requested.
 * @throws BadUserInputError for sizes out of bounds, `first` with `last`, and cursors of another order or list.
 */
export async function paginateOrdered<Item extends { readonly id: string }, Field extends string>(
  { orders, order }: { orders: ListOrders<Item, Field>; order: ListOrder<Field> },
  args: PageArgs,
  read: (page: Page<ListPosition>) => Promise<StorePage<Item>>,
  countTotal: () => Promise<number>,
) {
  const { size, page } = readArgs(args, (cursor) => decodePosition(orders, order, cursor));
  const { items, stoppedAt } = await read(page);
  return toConnection({
    ...{ size, page, items, countTotal },
    toCursor: (item) => encodePosition(orders, order, positionOf(orders, order.field, item)),
    stopCursor: stoppedAt && encodePosition(orders, order, stoppedAt),
  });
}

const ID_BYTES = 16;

/**
 * The cursor of a position: a byte for the order, the value as UTF-8, and the id; as base64url. Where the newest items
 * come first, as in lists without an order, it is the id alone.
 */
function encodePosition<Field extends string>(
  { values }: ListOrders<never, Field>,
  { field, direction }: ListOrder<Field>,
  { value, id }: ListPosition,
): string {
  const isById = values[field] === null;
  const idCursor = encodeId(id);
  if (isById && direction === 'DESC') return idCursor;
  const order = 2 * Object.keys(values).indexOf(field) + (direction === 'ASC' ? 1 : 0);
  const bytes = [Buffer.of(order), Buffer.from(isById ? '' : value), Buffer.from(idCursor, 'base64url')];
  return Buffer.concat(bytes).toString('base64url');
}

function decodePosition<Field extends string>(
  orders: ListOrders<never, Field>,
  order: ListOrder<Field>,
  cursor: string,
): ListPosition {
  const bytes = Buffer.from(cursor, 'base64url');
  const id = decodeId(orders.kind, bytes.subarray(-ID_BYTES).toString('base64url'));
  const position = { value: bytes.subarray(1, -ID_BYTES).toString(), id };
  if (encodePosition(orders, order, position) !== cursor) throw createCursorError();
  return position;
}
