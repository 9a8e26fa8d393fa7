import type { Viewer } from '../access/viewer.ts';
import type { Conversation, Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import { lockConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';

/** Whether a viewer may see private notes: only with MANAGE. To other viewers, private notes appear not to exist. */
export function canSeePrivateNotes({ scopes }: Pick<Viewer, 'scopes'>): boolean {
  return scopes.has('MANAGE');
}

/** Whether a viewer may see leads in a stream: only with READ, as in queries. Other viewers' streams omit leads. */
export function canSeeLeads({ scopes }: Pick<Viewer, 'scopes'>): boolean {
  return scopes.has('READ');
}

/** Whether a viewer may see a message, which must belong to the viewer's account. */
export function isVisible(viewer: Pick<Viewer, 'scopes'>, { isPrivate }: Pick<Message, 'isPrivate'>): boolean {
  return !isPrivate || canSeePrivateNotes(viewer);
}

/**
 * Finds a message that the viewer may see.
 * @throws NotFoundError
 */
export async function getMessage(
  db: Queryable,
  viewer: Pick<Viewer, 'accountId' | 'scopes'>,
  messageId: string,
): Promise<Message> {
  const id = requireFound('Message', parseId('message', messageId));
  const message = requireFound('Message', await findMessage(db, viewer.accountId, id));
  return requireFound('Message', isVisible(viewer, message) ? message : undefined);
}

/**
 * Finds a message that the viewer may see, and locks its conversation: see `lockConversation`.
 * @throws NotFoundError
 */
export async function getLockedMessage(
  trx: Queryable,
  viewer: Pick<Viewer, 'accountId' | 'scopes'>,
  messageId: string,
): Promise<{ message: Message; conversation: Conversation }> {
  const { conversationId } = await getMessage(trx, viewer, messageId);
  const conversation = requireFound('Message', await lockConversation(trx, viewer.accountId, conversationId));
  // Reads the message again: another transaction may have changed it before this one got the lock.
  return { message: await getMessage(trx, viewer, messageId), conversation };
}
