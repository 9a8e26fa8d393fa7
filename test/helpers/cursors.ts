import { encodePosition, positionAt } from '../../src/conversations/log-position.ts';
import { findLastEvent } from '../../src/store/events.ts';
import type { TestGateway } from './gateway.ts';

/** Encodes an unsigned cursor, as an earlier version of the gateway wrote it. */
export function encodeUnsignedCursor(position: string): string {
  return Buffer.from(position, 'latin1').toString('base64url');
}

/** Writes a cursor for any position, valid or not, with a valid signature. */
export function signPosition({ deps, accountId }: TestGateway, conversationId: string, position: string): string {
  return deps.cursors.forStream('conversation', accountId, conversationId).write(position);
}

/** The cursor after the last event of a conversation without an open reply. */
export async function latestCursor(gateway: TestGateway, conversationId: string): Promise<string> {
  const { deps, accountId } = gateway;
  const last = await findLastEvent(deps.db.read, accountId, 'conversations', conversationId);
  return signPosition(gateway, conversationId, `${last && encodePosition(positionAt(last))}__0`);
}

/** Changes one character of a cursor. */
export function alterCharacter(cursor: string, at: number): string {
  return `${cursor.slice(0, at)}${cursor[at] === '1' ? '2' : '1'}${cursor.slice(at + 1)}`;
}
