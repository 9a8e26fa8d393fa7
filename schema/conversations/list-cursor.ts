import {
  CONVERSATION_ORDER_FIELDS,
  type ConversationOrder,
  type ListPosition,
} from '../../src/domain/conversation-list.ts';
import { kindOfId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { createCursorError } from '../connection.ts';

const TIME_BYTES = 6;

/** The cursor of a position: a byte for the order, the time in milliseconds, and the id; as base64url. */
export function encodePosition(order: ConversationOrder, { value, id }: ListPosition): string {
  const bytes = Buffer.alloc(1 + TIME_BYTES);
  bytes[0] = orderByte(order);
  bytes.writeUIntBE(Date.parse(value), 1, TIME_BYTES);
  return Buffer.concat([bytes, Buffer.from(id.replaceAll('-', ''), 'hex')]).toString('base64url');
}

/**
 * Decodes the cursor of a position.
 * @throws BadUserInputError for the cursor of another order, and for what is no cursor.
 */
export function decodePosition(order: ConversationOrder, cursor: string): ListPosition {
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.length !== 1 + TIME_BYTES + 16 || bytes[0] !== orderByte(order)) throw createCursorError();
  const ms = bytes.readUIntBE(1, TIME_BYTES);
  const hex = bytes.subarray(1 + TIME_BYTES).toString('hex');
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  if (kindOfId(id) !== 'conversation' || ms > MAX_TIME_MS) throw createCursorError();
  const position = { value: toTimestamp(ms), id };
  if (encodePosition(order, position) !== cursor) throw createCursorError();
  return position;
}

/** The end of the year 9999, which is the last that a `Timestamp` can express. */
const MAX_TIME_MS = 253_402_300_799_999;

function orderByte({ field, direction }: ConversationOrder): number {
  return 2 * CONVERSATION_ORDER_FIELDS.indexOf(field) + (direction === 'ASC' ? 1 : 0);
}
