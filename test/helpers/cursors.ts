import { encodePosition, positionAt } from '../../src/conversations/log-position.ts';
import { findLastEvent } from '../../src/store/events.ts';
import type { TestGateway } from './gateway.ts';

/** The cursor of an earlier version, which nobody had to sign. */
export function writeUnsigned(place: string): string {
  return Buffer.from(place, 'latin1').toString('base64url');
}

/** Signs any position in a conversation, as only the gateway itself can. */
export function signPosition({ deps, accountId }: TestGateway, conversationId: string, position: string): string {
  return deps.cursors.of('conversation', accountId, conversationId).write(position);
}

/** The cursor of one who was told all of a conversation in which nothing is under way. */
export async function cursorOfNow(gateway: TestGateway, conversationId: string): Promise<string> {
  const { deps, accountId } = gateway;
  const last = await findLastEvent(deps.db.read, accountId, 'conversations', conversationId);
  return signPosition(gateway, conversationId, `${last && encodePosition(positionAt(last))}__0`);
}

/** A cursor with one character changed. */
export function alter(cursor: string, at: number): string {
  return `${cursor.slice(0, at)}${cursor[at] === '1' ? '2' : '1'}${cursor.slice(at + 1)}`;
}
