import type { Channel, Chatbot, Conversation } from '../domain/entities.ts';
import { InvalidInputError, requireFound } from '../domain/errors.ts';
import { createIdAfter, parseId } from '../domain/ids.ts';
import { type JsonText, toJson } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';
import { findChatbot } from '../store/chatbots.ts';
import {
  findConversation,
  findConversationBySession,
  insertConversation,
  lockConversation,
  lockConversationBySession,
  updateConversation,
} from '../store/conversations.ts';
import { findNewestId } from '../store/newest-ids.ts';
import type { Queryable } from '../store/tables.ts';
import { reopen } from './handoff.ts';

/** The target of a message: exactly one of `chatbotId` and `conversationId`. */
export interface TargetInput {
  readonly chatbotId?: string | null | undefined;
  readonly conversationId?: string | null | undefined;
  /** The id that the client has chosen for a conversation; only with `chatbotId`. Absent: a new conversation starts. */
  readonly sessionId?: string | null | undefined;
}

/** A chatbot, and the conversation if it already exists. */
export interface ConversationTarget {
  readonly chatbot: Chatbot;
  readonly conversation: Conversation | undefined;
}

/**
 * Checks that an input names exactly one target.
 * @throws InvalidInputError
 */
export function validateTarget({ chatbotId, conversationId, sessionId }: TargetInput): void {
  if ((chatbotId == null) === (conversationId == null)) {
    throw new InvalidInputError([{ path: [], message: 'Give exactly one of chatbotId and conversationId.' }]);
  }
  if (conversationId != null && sessionId != null) {
    throw new InvalidInputError([
      { path: ['sessionId'], message: 'Can be given with chatbotId only, not with conversationId.' },
    ]);
  }
}

/** Store functions that find a conversation and lock it until the transaction ends. */
export const LOCKING_LOOKUP = { byId: lockConversation, bySession: lockConversationBySession };
/** Store functions that find a conversation without a lock. */
export const READ_ONLY_LOOKUP: typeof LOCKING_LOOKUP = { byId: findConversation, bySession: findConversationBySession };

/**
 * Finds the chatbot and the conversation that an input names.
 * @param lookup the store functions to use; the default locks the conversation.
 * @throws NotFoundError
 */
export async function resolveTarget(
  db: Queryable,
  accountId: string,
  input: TargetInput,
  lookup = LOCKING_LOOKUP,
): Promise<ConversationTarget> {
  if (input.conversationId != null) {
    const id = requireFound('Conversation', parseId('conversation', input.conversationId));
    const conversation = requireFound('Conversation', await lookup.byId(db, accountId, id));
    const chatbot = requireFound('Conversation', await findChatbot(db, accountId, conversation.chatbotId));
    return { chatbot, conversation };
  }
  const id = requireFound('Chatbot', parseId('chatbot', input.chatbotId ?? ''));
  const chatbot = requireFound('Chatbot', await findChatbot(db, accountId, id));
  const conversation =
    input.sessionId == null ? undefined : await lookup.bySession(db, accountId, chatbot.id, input.sessionId);
  return { chatbot, conversation };
}

/**
 * Counts a new message of the visitor as unread, and reopens the conversation if it is closed. The visitor has read what
 * came before.
 */
export async function countVisitorMessage(
  trx: Queryable,
  conversation: Conversation,
  at: Timestamp,
): Promise<Conversation> {
  const updated: Conversation = {
    ...reopen(conversation),
    unreadCount: conversation.unreadCount + 1,
    unreadSince: conversation.unreadSince ?? at,
    visitorUnreadCount: 0,
    lastMessageAt: at,
    updatedAt: at,
  };
  await updateConversation(trx, updated);
  return updated;
}

/**
 * Starts a conversation for the visitor's first message. Without a session id, the id of the conversation is also its
 * session id.
 */
export async function startConversation(
  trx: Queryable,
  chatbot: Chatbot,
  fields: {
    /** Absent: this function creates an id. */
    id?: string | undefined;
    channel: Channel;
    sessionId: string | undefined;
    /** The visitor, if the client has named one. */
    visitorId: string | undefined;
    metadata: JsonText | undefined;
    at: Timestamp;
  },
): Promise<Conversation> {
  const newestId = await findNewestId(trx, 'conversations', chatbot.id);
  const id = fields.id ?? createIdAfter('conversation', newestId);
  const conversation: Conversation = {
    id,
    accountId: chatbot.accountId,
    chatbotId: chatbot.id,
    visitorId: fields.visitorId ?? null,
    sessionId: fields.sessionId ?? id,
    channel: fields.channel,
    status: 'OPEN',
    silentUntil: null,
    assignee: null,
    assignedMemberId: null,
    escalatedAt: null,
    escalationReason: null,
    unreadCount: 1,
    unreadSince: fields.at,
    readUntil: '',
    visitorUnreadCount: 0,
    lastMessageAt: fields.at,
    closedAt: null,
    firstAgentReplyAt: null,
    labels: [],
    priority: 'NORMAL',
    snoozedUntil: null,
    metadata: fields.metadata ?? toJson({}),
    createdAt: fields.at,
    updatedAt: fields.at,
  };
  await insertConversation(trx, conversation);
  return conversation;
}
