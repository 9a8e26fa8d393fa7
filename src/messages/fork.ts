import type { Viewer } from '../access/viewer.ts';
import { getLockedMessage } from '../conversations/visibility.ts';
import type { Chatbot, Conversation, Message, MessageRole } from '../domain/entities.ts';
import { InvalidInputError, requireFound } from '../domain/errors.ts';
import type { Timestamp } from '../domain/time.ts';
import { findChildMessages, setShownBranch } from '../store/branches.ts';
import { findChatbot } from '../store/chatbots.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import type { Queryable } from '../store/tables.ts';

/** The maximum number of messages with the same parent. */
export const MAX_SIBLINGS = 50;

/** A message that will get a sibling, with its conversation and chatbot. */
export interface ForkPoint {
  readonly message: Message;
  readonly conversation: Conversation;
  readonly chatbot: Chatbot;
}

/**
 * Finds the message that will get a sibling, and locks its conversation.
 * @throws NotFoundError
 */
export async function findForkPoint(trx: Queryable, viewer: Viewer, messageId: string): Promise<ForkPoint> {
  const { message, conversation } = await getLockedMessage(trx, viewer, messageId);
  const chatbot = requireFound('Message', await findChatbot(trx, viewer.accountId, conversation.chatbotId));
  return { message, conversation, chatbot };
}

/**
 * Checks that a message can get a sibling.
 * @param role the role that the message must have; `roleError` is the error message for another role.
 * @throws InvalidInputError for another role, in a closed conversation, and if the message already has 50 versions.
 */
export async function requireForkable(
  trx: Queryable,
  { message, conversation }: ForkPoint,
  { role, roleError }: { role: MessageRole; roleError: string },
): Promise<void> {
  if (message.role !== role) throw createForkError(roleError);
  if (conversation.status === 'CLOSED')
    throw createForkError('The conversation is closed; a new message opens it again.');
  const siblings = await findChildMessages(trx, conversation.accountId, [message.parentId ?? conversation.id]);
  if (siblings.length >= MAX_SIBLINGS) throw createForkError(`There are ${MAX_SIBLINGS} versions already.`);
}

/**
 * Makes the conversation show only the messages before a message that gets a sibling. If the message was not shown, its
 * branch is selected first: a subscriber then shows the message that the sibling replaces.
 */
export async function showBranchBefore(
  trx: Queryable,
  { message, conversation: { accountId, id: conversationId } }: ForkPoint,
  at: Timestamp,
): Promise<LoggedEvent[]> {
  const { id: messageId, status, isShown, parentId } = message;
  await setShownBranch(trx, accountId, conversationId, parentId);
  if (isShown) return [];
  return [await appendEvent(trx, accountId, { type: 'BranchSelected', messageId, conversationId, status, at })];
}

/** Creates the error for a message that cannot get a sibling. */
export function createForkError(message: string): InvalidInputError {
  return new InvalidInputError([{ path: ['id'], message }]);
}
