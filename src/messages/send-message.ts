import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import {
  type ConversationTarget,
  countVisitorMessage,
  resolveTarget,
  startConversation,
  type TargetInput,
  validateTarget,
} from '../conversations/conversation-target.ts';
import { conversationStarted, messageReceived } from '../conversations/outbox-events.ts';
import { recordChanges } from '../conversations/record-changes.ts';
import { writeMessage } from '../conversations/write-message.ts';
import type { Deps } from '../deps.ts';
import type { Channel, Conversation, Message } from '../domain/entities.ts';
import { InvalidInputError, NotFoundError, requireFound } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import { clientIdText, metadataObject, parseInput, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import type { Visitor } from '../domain/visitors/visitors.ts';
import {
  type DispatchInput,
  dispatchReply,
  type EnqueuedReply,
  enqueueReply,
  nodeForNewReplies,
  type WhenBusy,
  writeReply,
} from '../replies/enqueue-reply.ts';
import type { GenerateDeps } from '../replies/generate.ts';
import { findShownBranchEnd } from '../store/branches.ts';
import { findConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import { findMessage, findReply } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';
import { ownKey } from '../visitors/session-scope.ts';
import { assignVisitor, resolveVisitor, type VisitorInput, visitorRules } from '../visitors/visitor-of-send.ts';
import { findRecordedSend, type IdempotentSend, readEffectsToRepeat, recordSend } from './idempotent-send.ts';
import { limitVisitorMessages } from './visitor-rate.ts';

/** A visitor's message, and its conversation or chatbot. */
export interface SendMessageInput extends TargetInput {
  readonly content: string;
  readonly metadata?: unknown;
  /** The idempotency key: a repeated request returns the messages of the first request. */
  readonly clientMessageId?: string | null | undefined;
  /** The visitor who speaks, as named by a server; only for API keys. */
  readonly visitor?: VisitorInput | null | undefined;
  /** Absent: `ENQUEUE`. */
  readonly whenBusy?: WhenBusy | null | undefined;
}

/** The stored message and its reply. */
export interface SentMessage {
  readonly conversation: Conversation;
  readonly userMessage: Message;
  /** Null while a person answers; `notice` is then the handoff message. */
  readonly reply: Message | null;
  readonly notice: string | null;
  /** Whether an earlier request with the same idempotency key has stored the message. */
  readonly isReplay: boolean;
}

/** A committed send, and the input for the steps that follow the commit. */
interface CommittedSend extends Omit<DispatchInput, 'reply'> {
  readonly sentMessage: SentMessage;
}

const rulesFor = (maxChars: number) =>
  z.object({
    content: text(1, maxChars),
    sessionId: clientIdText.optional(),
    metadata: metadataObject.optional(),
    clientMessageId: clientIdText.optional(),
    visitor: visitorRules.optional(),
  });

/**
 * Stores a visitor's message and its reply in one transaction, and resolves after the commit. The reply is generated in
 * the background, after the open replies of the conversation. While a person answers, there is no reply.
 * @throws InvalidInputError, NotFoundError, IdempotencyConflictError, ChatbotPausedError, ConversationBusyError,
 * QuotaExceededError, QueueFullError, VisitorBlockedError, RateLimitedError; in these cases nothing is stored.
 */
export async function sendMessage(
  deps: GenerateDeps & Pick<Deps, 'typing' | 'limiter'>,
  viewer: Viewer,
  channel: Channel,
  requested: SendMessageInput,
): Promise<SentMessage> {
  const input = withSessionTarget(viewer, requested);
  const parsed = parseInput(rulesFor(deps.config.maxMessageChars), { ...input });
  validateTarget(input);
  await limitVisitorMessages(deps, viewer, input);
  const now = deps.clock.now();
  const { accountId } = viewer;

  const { sentMessage, ...committed } = await deps.db.transaction(async (trx): Promise<CommittedSend> => {
    const target = await resolveTarget(trx, accountId, { ...input, sessionId: parsed.sessionId });
    const idempotentSend = idempotentSendOf(viewer, target, { input, parsed, now });
    const recordedId = idempotentSend && (await findRecordedSend(trx, accountId, idempotentSend));
    if (recordedId !== undefined) {
      const sentMessage = await readSentMessage(trx, target, recordedId);
      return { sentMessage, ...(await readEffectsToRepeat(trx, sentMessage.conversation)) };
    }

    const visitor = await resolveVisitor(trx, target, { viewer, named: parsed.visitor, now });
    const enqueued = await enqueueReply(trx, deps.config, target, { viewer, now, whenBusy: input.whenBusy });
    const result = await writeUserMessage(trx, target, channel, parsed, {
      visitor,
      enqueued,
      now,
      nodeId: nodeForNewReplies(deps),
      apiKeyId: viewer.apiKeyId,
      conversationId: viewer.session?.conversationId,
    });
    const { userMessage } = result.sentMessage;
    if (idempotentSend !== undefined) await recordSend(trx, accountId, idempotentSend, userMessage.id);
    return { ...result, enqueued };
  });
  deps.typing.set(sentMessage.conversation, 'USER', false);
  dispatchReply(deps, { reply: sentMessage.reply, ...committed });
  return sentMessage;
}

/**
 * Checks the target that a client with a session gave. For a session of the demo's page, replaces it by the session's
 * conversation, which the first message starts.
 * @throws InvalidInputError, NotFoundError
 */
function withSessionTarget({ session }: Viewer, input: SendMessageInput): SendMessageInput {
  if (session === undefined) return input;
  const { chatbotId, conversationId: sessionId } = session;
  const [forbidden] = (['visitor', 'sessionId'] as const).filter((name) => input[name] != null);
  if (sessionId !== undefined && input.visitor == null) return { ...input, conversationId: null, chatbotId, sessionId };
  if (forbidden !== undefined) {
    throw new InvalidInputError([{ path: [forbidden], message: 'Only an API key may set this field.' }]);
  }
  if (input.chatbotId != null && parseId('chatbot', input.chatbotId) !== chatbotId) throw new NotFoundError('Chatbot');
  return input;
}

/** The validated fields of an input. */
type ParsedInput = z.output<ReturnType<typeof rulesFor>>;

/** Identifies a send by its idempotency key, its content and the target that the client gave; `undefined`: no key. */
function idempotentSendOf(
  viewer: Viewer,
  target: ConversationTarget,
  { input, parsed, now }: { input: TargetInput; parsed: ParsedInput; now: number },
): IdempotentSend | undefined {
  const { clientMessageId, content, sessionId, visitor, metadata } = parsed;
  if (clientMessageId === undefined) return undefined;
  const key = ownKey(viewer, clientMessageId);
  const conversationId = input.conversationId == null ? undefined : target.conversation?.id;
  return {
    scope: { chatbotId: target.chatbot.id, operation: 'sendMessage', key },
    request: { conversationId, sessionId, visitor, content, metadata: metadata && JSON.parse(metadata) },
    now,
  };
}

/** Reads the messages of an earlier send or edit in their current state. */
export async function readSentMessage(
  trx: Queryable,
  { chatbot }: Pick<ConversationTarget, 'chatbot'>,
  messageId: string,
): Promise<SentMessage> {
  const { accountId, handoffMessage } = chatbot;
  const userMessage = requireFound('Message', await findMessage(trx, accountId, messageId));
  const conversation = requireFound('Conversation', await findConversation(trx, accountId, userMessage.conversationId));
  const reply = (await findReply(trx, accountId, userMessage.id)) ?? null;
  return { conversation, userMessage, reply, notice: reply ? null : handoffMessage, isReplay: true };
}

/** The data for storing a message and its reply, besides the validated input. */
interface WriteOptions {
  readonly visitor: Visitor | undefined;
  readonly enqueued: EnqueuedReply | undefined;
  readonly now: number;
  readonly nodeId: string | null;
  readonly apiKeyId: string | null;
  /** The id that a new conversation gets; absent: `startConversation` creates one. */
  readonly conversationId: string | undefined;
}

async function writeUserMessage(
  trx: Queryable,
  { chatbot, conversation: existing }: ConversationTarget,
  channel: Channel,
  { content, sessionId, metadata }: ParsedInput,
  { visitor, enqueued, now, conversationId, ...origin }: WriteOptions,
): Promise<{ sentMessage: SentMessage; events: LoggedEvent[] }> {
  const at = toTimestamp(now);
  const conversation = existing
    ? await countVisitorMessage(trx, await assignVisitor(trx, existing, visitor), at)
    : await startConversation(trx, chatbot, {
        ...{ id: conversationId, channel, sessionId, metadata, at },
        visitorId: visitor?.id,
      });
  const parentId = (existing && (await findShownBranchEnd(trx, existing.accountId, existing.id))) ?? null;
  const fields = { role: 'USER', status: 'COMPLETED', content, metadata, parentId } as const;
  const { message: userMessage, event: createdEvent } = await writeMessage(trx, conversation, at, fields);
  const reopened = { changes: ['REOPENED'], actor: null, at } as const;
  const changeEvents = existing?.status === 'CLOSED' ? [await recordChanges(trx, conversation, reopened)] : [];
  const outboxEvents = [messageReceived(conversation, userMessage)];
  if (existing === undefined) outboxEvents.unshift(conversationStarted(conversation));
  await enqueueEvents(trx, { accountId: conversation.accountId, chatbotId: chatbot.id, at }, outboxEvents);
  const reply = enqueued && (await writeReply(trx, conversation, { userMessage, enqueued, now, ...origin }));
  return {
    sentMessage: {
      conversation,
      userMessage,
      reply: reply?.message ?? null,
      notice: enqueued ? null : chatbot.handoffMessage,
      isReplay: false,
    },
    events: [createdEvent, ...changeEvents, ...(reply ? [reply.event] : [])],
  };
}
