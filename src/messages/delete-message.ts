import type { Viewer } from '../access/viewer.ts';
import { getLockedMessage } from '../conversations/visibility.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Conversation, Message } from '../domain/entities.ts';
import { ConversationBusyError, InvalidInputError } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import { deleteMessages, findChildMessages } from '../store/branches.ts';
import { updateConversation } from '../store/conversations.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import { findLastMessageTime } from '../store/inbox/newest-messages.ts';
import { findReading } from '../store/inbox/read-marks.ts';
import { recountUnread } from '../store/inbox/unread.ts';
import type { Queryable } from '../store/tables.ts';
import { MAX_SIBLINGS } from './fork.ts';

/** The deleted messages, and their conversation without them. */
export interface DeletedMessages {
  readonly deletedIds: readonly string[];
  readonly conversation: Conversation;
}

/**
 * Deletes a message; with a message of the visitor, also the chatbot's replies to it. The messages directly after a
 * deleted message then follow the message before it, so that every branch stays whole. An unfinished reply must be
 * stopped first.
 * @throws NotFoundError; ConversationBusyError for an unfinished reply; InvalidInputError if the message before would
 * be followed by more messages than can be versions of one message. In these cases nothing is deleted.
 */
export async function deleteMessage(
  deps: Pick<Deps, 'db' | 'clock' | 'bus'>,
  viewer: Viewer,
  input: { id: string },
): Promise<DeletedMessages> {
  const at = toTimestamp(deps.clock.now());
  const { events, ...result } = await deps.db.transaction(async (trx) => {
    const { message, conversation } = await getLockedMessage(trx, viewer, input.id);
    const deleted = await listDeleted(trx, message);
    const deletedIds = deleted.map(({ id }) => id);
    await deleteMessages(trx, message, deletedIds);
    const events: LoggedEvent[] = [];
    const { accountId, id: conversationId } = conversation;
    for (const { id: messageId, isPrivate } of deleted) {
      events.push(
        await appendEvent(trx, accountId, { type: 'MessageDeleted', conversationId, messageId, isPrivate, at }),
      );
    }
    return {
      deletedIds,
      conversation: await refreshConversation(trx, { ...conversation, updatedAt: at }, deleted),
      events,
    };
  });
  publishEvents(deps.bus, events);
  return result;
}

/** Lists the messages that are deleted together, and checks that they can be deleted. */
async function listDeleted(trx: Queryable, message: Message): Promise<Message[]> {
  const { accountId, conversationId, isPrivate, parentId } = message;
  // A private note has no place in a branch.
  if (isPrivate) return [message];
  const isReply = ({ role }: Message) => message.role === 'USER' && role === 'ASSISTANT';
  const children = await findChildMessages(trx, accountId, [message.id]);
  const deleted = [message, ...children.filter(isReply)];
  if (deleted.some(({ status }) => status === 'QUEUED' || status === 'STREAMING')) throw new ConversationBusyError();
  const ids = new Set(deleted.map(({ id }) => id));
  const siblings = await findChildMessages(trx, accountId, [parentId ?? conversationId]);
  const grandchildren = ids.size === 1 ? [] : await findChildMessages(trx, accountId, [...ids].slice(1));
  const following = [...siblings, ...children, ...grandchildren].filter(({ id }) => !ids.has(id));
  if (following.length >= MAX_SIBLINGS) {
    const problem = `The message before it would be followed by ${MAX_SIBLINGS} messages; delete some of these first.`;
    throw new InvalidInputError([{ path: ['id'], message: problem }]);
  }
  return deleted;
}

/** Updates what a conversation stores about its messages. */
async function refreshConversation(
  trx: Queryable,
  conversation: Conversation,
  deleted: readonly Message[],
): Promise<Conversation> {
  const lastMessageAt = (await findLastMessageTime(trx, conversation)) ?? conversation.createdAt;
  const changed = { ...conversation, ...(await findReading(trx, conversation, deleted)), lastMessageAt };
  await updateConversation(trx, changed);
  return (await recountUnread(trx, changed)) ?? changed;
}
