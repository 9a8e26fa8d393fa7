import type { Viewer } from '../access/viewer.ts';
import type { Chatbot, Conversation, Message, MessageRole } from '../domain/entities.ts';
import { InvalidInputError, requireFound } from '../domain/errors.ts';
import { findFollowing } from '../store/branches.ts';
import { findChatbot } from '../store/chatbots.ts';
import type { Queryable } from '../store/tables.ts';
import { holdMessage } from './visible.ts';

/** How many messages may follow the same one. */
export const MAX_SIBLINGS = 50;

/** A message that is to get a sibling, and where it stands. */
export interface Fork {
  readonly message: Message;
  readonly conversation: Conversation;
  readonly chatbot: Chatbot;
}

/**
 * Finds the message that is to get a sibling, and holds its conversation.
 * @param role who must have said it; `refusal` says so to those who name another.
 * @throws NotFoundError; InvalidInputError for another role, in a closed conversation, and for one sibling too many.
 */
export async function findFork(
  trx: Queryable,
  viewer: Viewer,
  messageId: string,
  { role, refusal }: { role: MessageRole; refusal: string },
): Promise<Fork> {
  const { accountId } = viewer;
  const { message, conversation } = await holdMessage(trx, viewer, messageId);
  const chatbot = requireFound('Message', await findChatbot(trx, accountId, conversation.chatbotId));
  if (message.role !== role) throw refuseFork(refusal);
  if (conversation.status === 'CLOSED') throw refuseFork('The conversation is closed; a new message opens it again.');
  const siblings = await findFollowing(trx, accountId, [message.parentId ?? conversation.id]);
  if (siblings.length >= MAX_SIBLINGS) throw refuseFork(`There are ${MAX_SIBLINGS} versions already.`);
  return { message, conversation, chatbot };
}

/** What is answered to one who asks for a sibling that cannot be. */
export function refuseFork(message: string): InvalidInputError {
  return new InvalidInputError([{ path: ['messageId'], message }]);
}
