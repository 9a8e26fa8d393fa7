import type { ObjectRef } from '@pothos/core';
import { BadUserInputError } from '../src/domain/errors.ts';
import { type IdKind, kindOfId } from '../src/domain/ids.ts';
import type { Page } from '../src/store/pages.ts';
import { builder, type FieldExtensions } from './builder.ts';

const DEFAULT_SIZE = 20;
const MAX_SIZE = 100;

/** The arguments of every connection. */
export interface PageArgs {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/**
 * Defines the connection of an object type: `<Type>Connection`, with edges of the type `<Type>Edge`. Every list of these
 * objects has this type, so that clients share fragments between lists.
 */
export function defineConnection<Shape>(type: ObjectRef<typeof builder.$inferSchemaTypes, Shape>) {
  const { name } = type;
  return builder.connectionObject(
    { type, name: `${name}Connection`, description: `A page of a list of objects of the type \`${name}\`.` },
    { name: `${name}Edge`, description: `An object of the type \`${name}\` with its cursor in the list.` },
  );
}

/** The extensions of a connection field: its size is the requested page size. */
export const pageExtensions: FieldExtensions = {
  listSize: ({ first, last }) => (typeof first === 'number' ? first : typeof last === 'number' ? last : DEFAULT_SIZE),
};

/**
 * Reads one page of a list for a connection field. `read` receives the page in the form that the store uses, and
 * returns its items ordered by id; `countTotal` counts the items of the whole list, if a client asks for the number.
 * @param kind the kind of the list's items; cursors of other kinds are refused.
 * @throws BadUserInputError for sizes out of bounds, `first` with `last`, and invalid cursors.
 */
export async function paginate<T extends { readonly id: string }>(
  kind: IdKind,
  args: PageArgs,
  read: (page: Page) => Promise<T[]>,
  countTotal: () => Promise<number>,
) {
  const { size, page } = readArgs(args, (cursor) => decodeId(kind, cursor));
  return toConnection({ size, page, items: await read(page), toCursor: ({ id }: T) => encodeId(id), countTotal });
}

/**
 * Checks the arguments of a connection, and converts them to a page of the store, whose limit is one item more than
 * requested.
 * @param decode converts a cursor to a position.
 * @throws BadUserInputError for sizes out of bounds, `first` with `last`, and invalid cursors.
 */
export function readArgs<Position>(
  { first, after, last, before }: PageArgs,
  decode: (cursor: string) => Position,
): { size: number; page: Page<Position> } {
  if (first != null && last != null) throw new BadUserInputError('Give `first` or `last`, not both.');
  const size = first ?? last ?? DEFAULT_SIZE;
  if (size < 0 || size > MAX_SIZE) throw new BadUserInputError('`first` and `last` must be between 0 and 100.');
  return {
    size,
    page: {
      // One item more than requested shows whether a further page exists.
      limit: size + 1,
      after: after == null ? undefined : decode(after),
      before: before == null ? undefined : decode(before),
      fromEnd: last != null,
    },
  };
}

/** The items of a page, and what its connection needs besides them. */
interface PageItems<T> {
  readonly size: number;
  readonly page: Page<unknown>;
  readonly items: readonly T[];
  readonly toCursor: (item: T) => string;
  /** The cursor at which the store stopped reading although the list may contain further items; absent: it did not. */
  readonly stopCursor?: string | undefined;
  readonly countTotal: () => Promise<number>;
}

/** Converts the items of a page, of which there may be one more than requested, to a connection. */
export function toConnection<T>({ size, page, items, toCursor, stopCursor, countTotal }: PageItems<T>) {
  const isCut = items.length > size;
  const hasMore = isCut || stopCursor !== undefined;
  const nodes = page.fromEnd ? items.slice(Math.max(0, items.length - size)) : items.slice(0, size);
  const edges = nodes.map((node) => ({ cursor: toCursor(node), node }));
  const stop = isCut ? undefined : stopCursor;
  return {
    edges,
    countTotal,
    pageInfo: {
      hasNextPage: page.fromEnd ? page.before !== undefined : hasMore,
      hasPreviousPage: page.fromEnd ? hasMore : page.after !== undefined,
      startCursor: (page.fromEnd ? stop : undefined) ?? edges.at(0)?.cursor ?? null,
      endCursor: (page.fromEnd ? undefined : stop) ?? edges.at(-1)?.cursor ?? null,
    },
  };
}

/**
 * The cursor of an id: its 16 bytes as base64url. Clients treat cursors as opaque, so another list may use another form
 * of cursor.
 */
export function encodeId(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

/**
 * Decodes the cursor of an id.
 * @throws BadUserInputError for the cursor of another kind of ids, and for what is no such cursor.
 */
export function decodeId(kind: IdKind, cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex');
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  if (kindOfId(id) !== kind || encodeId(id) !== cursor) throw createCursorError();
  return id;
}

/** Creates the error for a cursor of another list, or of no list. */
export function createCursorError(): BadUserInputError {
  return new BadUserInputError('The cursor does not belong to this list.');
}
