import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import {
  type ConversationTarget,
  reopenConversation,
  resolveTarget,
  startConversation,
  type TargetInput,
  validateTarget,
} from '../conversations/conversation-target.ts';
import { conversationStarted, messageReceived } from '../conversations/outbox-events.ts';
import { writeMessage } from '../conversations/write-message.ts';
import type { Deps } from '../deps.ts';
import type { Channel, Conversation, Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { clientIdText, metadataObject, parseInput, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import type { GenerateDeps } from '../replies/generate.ts';
import {
  type DispatchInput,
  dispatchReply,
  type EnqueuedReply,
  enqueueReply,
  nodeForNewReplies,
  type WhenBusy,
  writeReply,
} from '../replies/reply-queue.ts';
import { findTip } from '../store/branches.ts';
import { findConversation } from '../store/conversations.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import { findMessage, findReply } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';
import { findRecordedSend, type IdempotentSend, recordSend, repeatEffects } from './idempotent-send.ts';

/** What to send, and where. */
export interface SendMessageInput extends TargetInput {
  readonly content: string;
  readonly metadata?: unknown;
  /** The same id sends once: the second time the first answer is given again. */
  readonly clientMessageId?: string | null | undefined;
  /** Absent: `ENQUEUE`. */
  readonly whenBusy?: WhenBusy | null | undefined;
}

/** What was written: the message, and the reply that will be. */
export interface SentMessage {
  readonly conversation: Conversation;
  readonly userMessage: Message;
  /** Null while a person answers; `notice` says so to the visitor then. */
  readonly reply: Message | null;
  readonly notice: string | null;
}

/** What a send did, and what follows its commit. */
interface Sending extends Omit<DispatchInput, 'reply'> {
  readonly sent: SentMessage;
}

const rulesFor = (maxChars: number) =>
  z.object({
    content: text(1, maxChars),
    sessionId: clientIdText.optional(),
    metadata: metadataObject.optional(),
    clientMessageId: clientIdText.optional(),
  });

/**
 * Stores a visitor's message and opens its reply, in one transaction; then the reply is written in the background, at
 * once, or when those before it in the conversation have ended. While a person answers there is no reply. Resolves as
 * soon as all is durable.
 * @throws InvalidInputError, NotFoundError, IdempotencyConflictError, ChatbotPausedError, ConversationBusyError,
 * QuotaExceededError, QueueFullError; nothing is stored.
 */
export async function sendMessage(
  deps: GenerateDeps & Pick<Deps, 'typing'>,
  viewer: Viewer,
  channel: Channel,
  asked: SendMessageInput,
): Promise<SentMessage> {
  const input = placeOfSession(viewer, asked);
  const given = parseInput(rulesFor(deps.config.maxMessageChars), { ...input });
  validateTarget(input);
  const now = deps.clock.now();
  const { accountId } = viewer;

  const { sent, ...after } = await deps.db.transaction(async (trx): Promise<Sending> => {
    const place = await resolveTarget(trx, accountId, { ...input, sessionId: given.sessionId });
    const once = onceOf(place, input, given, now);
    const earlier = once && (await findRecordedSend(trx, accountId, once));
    if (earlier !== undefined) {
      const sent = await readSentMessage(trx, place, earlier);
      return { sent, ...(await repeatEffects(trx, sent.conversation)) };
    }

    const turn = await enqueueReply(trx, deps.config, place, { now, whenBusy: input.whenBusy });
    const written = await write(trx, place, channel, given, {
      turn,
      now,
      nodeId: nodeForNewReplies(deps),
      apiKeyId: viewer.apiKeyId,
      conversationId: viewer.session?.conversationId,
    });
    if (once !== undefined) await recordSend(trx, accountId, once, written.sent.userMessage.id);
    return { ...written, turn };
  });
  deps.typing.set(sent.conversation.id, 'USER', false);
  dispatchReply(deps, { reply: sent.reply, ...after });
  return sent;
}

/** A session speaks in the conversation that was drawn with it, which begins with its first message. */
function placeOfSession({ session }: Viewer, input: SendMessageInput): SendMessageInput {
  if (session === undefined) return input;
  const { chatbotId, conversationId: sessionId } = session;
  return { ...input, conversationId: null, chatbotId, sessionId };
}

/** The fields of an input, checked. */
type Given = z.output<ReturnType<typeof rulesFor>>;

/** What makes a send the same: what is said and where, as the client named it. */
function onceOf(place: ConversationTarget, input: TargetInput, given: Given, now: number): IdempotentSend | undefined {
  const { clientMessageId: key, content, sessionId, metadata } = given;
  if (key === undefined) return undefined;
  const conversationId = input.conversationId == null ? undefined : place.conversation?.id;
  return {
    scope: { chatbotId: place.chatbot.id, operation: 'sendMessage', key },
    asked: { conversationId, sessionId, content, metadata: metadata && JSON.parse(metadata) },
    now,
  };
}

/** Reads what an earlier send or edit wrote, as it stands now. */
export async function readSentMessage(
  trx: Queryable,
  { chatbot }: Pick<ConversationTarget, 'chatbot'>,
  messageId: string,
): Promise<SentMessage> {
  const { accountId, handoffMessage } = chatbot;
  const userMessage = requireFound('Message', await findMessage(trx, accountId, messageId));
  const conversation = requireFound('Conversation', await findConversation(trx, accountId, userMessage.conversationId));
  const reply = (await findReply(trx, accountId, userMessage.id)) ?? null;
  return { conversation, userMessage, reply, notice: reply ? null : handoffMessage };
}

/** Who writes when, and whether a reply follows. */
interface Writing {
  readonly turn: EnqueuedReply | undefined;
  readonly now: number;
  readonly nodeId: string | null;
  readonly apiKeyId: string;
  /** Of the conversation, where it begins with this and was drawn before. */
  readonly conversationId: string | undefined;
}

async function write(
  trx: Queryable,
  { chatbot, conversation: found }: ConversationTarget,
  channel: Channel,
  { content, sessionId, metadata }: Given,
  { turn, now, conversationId, ...asker }: Writing,
): Promise<{ sent: SentMessage; events: LoggedEvent[] }> {
  const at = toTimestamp(now);
  const conversation = found
    ? await reopenConversation(trx, found, at)
    : await startConversation(trx, chatbot, { id: conversationId, channel, sessionId, metadata, at });
  const parentId = (found && (await findTip(trx, found.accountId, found.id))) ?? null;
  const said = { role: 'USER', status: 'COMPLETED', content, metadata, parentId } as const;
  const question = await writeMessage(trx, conversation, at, said);
  const reopened = { type: 'HandoffChanged', conversationId: conversation.id, at } as const;
  const handoff = found?.status === 'CLOSED' ? [await appendEvent(trx, conversation.accountId, reopened)] : [];
  const happened = [messageReceived(conversation, question.message)];
  if (found === undefined) happened.unshift(conversationStarted(conversation));
  await enqueueEvents(trx, { accountId: conversation.accountId, chatbotId: chatbot.id, at }, happened);
  const reply = turn && (await writeReply(trx, conversation, { question: question.message, turn, now, ...asker }));
  return {
    sent: {
      conversation,
      userMessage: question.message,
      reply: reply?.message ?? null,
      notice: turn ? null : chatbot.handoffMessage,
    },
    events: [question.event, ...handoff, ...(reply ? [reply.event] : [])],
  };
}
