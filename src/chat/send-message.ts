import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Channel, Chatbot, Conversation, Message } from '../domain/entities.ts';
import {
  ChatbotPausedError,
  InvalidInputError,
  NotFoundError,
  QueueFullError,
  QuotaExceededError,
} from '../domain/errors.ts';
import { createId, parseId } from '../domain/ids.ts';
import { metadataObject, parseInput, text } from '../domain/input.ts';
import { type JsonText, toJson } from '../domain/json.ts';
import { monthOf, type Timestamp, toTimestamp } from '../domain/time.ts';
import { findChatbot } from '../store/chatbots.ts';
import {
  findConversation,
  findConversationBySession,
  insertConversation,
  touchConversation,
} from '../store/conversations.ts';
import { insertMessage, listOpenReplies } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';
import { reserveReply } from '../store/usage.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';

/** What to send, and where: exactly one of `chatbotId` and `conversationId`. */
export interface SendMessageInput {
  readonly chatbotId?: string | null | undefined;
  readonly conversationId?: string | null | undefined;
  /** Names a conversation within the chatbot; absent starts a new one. Only with `chatbotId`. */
  readonly sessionId?: string | null | undefined;
  readonly content: string;
  readonly metadata?: unknown;
}

/** What was written: the message, and the reply that will be. */
export interface SentMessage {
  readonly conversation: Conversation;
  readonly message: Message;
  readonly reply: Message;
}

const MAX_WAITING_REPLIES = 100;
const NO_METADATA = toJson({});

/**
 * Stores a visitor's message and opens its reply, in one transaction; then the reply is written in the background, at
 * once, or when those before it in the conversation have ended. Resolves as soon as both are durable.
 * @throws InvalidInputError, NotFoundError, ChatbotPausedError, QuotaExceededError, QueueFullError; nothing is stored.
 */
export async function sendMessage(
  deps: GenerateDeps,
  viewer: Viewer,
  channel: Channel,
  input: SendMessageInput,
): Promise<SentMessage> {
  const { content, sessionId, metadata } = parseInput(rulesFor(deps.config.maxMessageChars), { ...input });
  const place = readPlace(input);
  const now = deps.clock.now();
  const at = toTimestamp(now);

  const sent = await deps.db.transaction(async (trx): Promise<SentMessage> => {
    const { chatbot, conversation: found } = await findPlace(trx, viewer.accountId, place, sessionId);
    if (!chatbot.isActive) throw new ChatbotPausedError();
    const { monthlyMessageLimit } = deps.config;
    if (!(await reserveReply(trx, viewer.accountId, monthOf(now), monthlyMessageLimit))) throw new QuotaExceededError();

    const conversation = found
      ? await reopen(trx, found, at)
      : await startConversation(trx, chatbot, { channel, sessionId, metadata, at });
    const waiting = await listOpenReplies(trx, viewer.accountId, conversation.id);
    if (waiting.length > MAX_WAITING_REPLIES) throw new QueueFullError();

    const message = createMessage(conversation, at, {
      role: 'USER',
      status: 'COMPLETED',
      content,
      completedAt: at,
      metadata,
    });
    const status = waiting.length > 0 ? 'QUEUED' : 'STREAMING';
    const reply = createMessage(conversation, at, { role: 'ASSISTANT', status, parentId: message.id });
    await insertMessage(trx, message);
    await insertMessage(trx, reply);
    return { conversation, message, reply };
  });

  if (sent.reply.status === 'STREAMING') startGenerating(deps, sent.reply);
  return sent;
}

const rulesFor = (maxChars: number) =>
  z.object({
    content: text(1, maxChars),
    sessionId: text(1, 255).optional(),
    metadata: metadataObject.optional(),
  });

type Place = { readonly chatbotId: string } | { readonly conversationId: string };

function readPlace({ chatbotId, conversationId, sessionId }: SendMessageInput): Place {
  if ((chatbotId == null) === (conversationId == null)) {
    throw new InvalidInputError([{ path: [], message: 'Give exactly one of chatbotId and conversationId.' }]);
  }
  if (chatbotId != null) return { chatbotId };
  if (sessionId != null) {
    throw new InvalidInputError([{ path: ['sessionId'], message: 'Goes with chatbotId, not with conversationId.' }]);
  }
  return { conversationId: conversationId ?? '' };
}

async function findPlace(
  trx: Queryable,
  accountId: string,
  place: Place,
  sessionId: string | undefined,
): Promise<{ chatbot: Chatbot; conversation: Conversation | undefined }> {
  if ('conversationId' in place) {
    const id = parseId('conversation', place.conversationId);
    const conversation = id && (await findConversation(trx, accountId, id));
    const chatbot = conversation && (await findChatbot(trx, accountId, conversation.chatbotId));
    if (!chatbot) throw new NotFoundError('Conversation');
    return { chatbot, conversation };
  }
  const id = parseId('chatbot', place.chatbotId);
  const chatbot = id && (await findChatbot(trx, accountId, id));
  if (!chatbot) throw new NotFoundError('Chatbot');
  const conversation =
    sessionId === undefined ? undefined : await findConversationBySession(trx, accountId, chatbot.id, sessionId);
  return { chatbot, conversation };
}

async function reopen(trx: Queryable, conversation: Conversation, at: Timestamp): Promise<Conversation> {
  const status = conversation.status === 'CLOSED' ? 'OPEN' : conversation.status;
  const reopened = { ...conversation, status, updatedAt: at };
  await touchConversation(trx, conversation.accountId, reopened);
  return reopened;
}

async function startConversation(
  trx: Queryable,
  chatbot: Chatbot,
  about: { channel: Channel; sessionId: string | undefined; metadata: JsonText | undefined; at: Timestamp },
): Promise<Conversation> {
  const id = createId('conversation');
  const conversation: Conversation = {
    id,
    accountId: chatbot.accountId,
    chatbotId: chatbot.id,
    sessionId: about.sessionId ?? id,
    channel: about.channel,
    status: 'OPEN',
    metadata: about.metadata ?? NO_METADATA,
    createdAt: about.at,
    updatedAt: about.at,
  };
  await insertConversation(trx, conversation);
  return conversation;
}

function createMessage(
  { id, accountId }: Conversation,
  at: Timestamp,
  given: Pick<Message, 'role' | 'status'> & {
    content?: string;
    parentId?: string;
    completedAt?: Timestamp;
    metadata?: JsonText | undefined;
  },
): Message {
  return {
    id: createId('message'),
    accountId,
    conversationId: id,
    role: given.role,
    status: given.status,
    content: given.content ?? '',
    citations: [],
    finishReason: null,
    usage: null,
    rating: null,
    parentId: given.parentId ?? null,
    metadata: given.metadata ?? NO_METADATA,
    error: null,
    createdAt: at,
    completedAt: given.completedAt ?? null,
  };
}
