import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Channel, Conversation, Message } from '../domain/entities.ts';
import {
  ChatbotPausedError,
  ConversationBusyError,
  QueueFullError,
  QuotaExceededError,
  requireFound,
} from '../domain/errors.ts';
import { createId } from '../domain/ids.ts';
import { metadataObject, parseInput, text } from '../domain/input.ts';
import { type JsonText, toJson } from '../domain/json.ts';
import { monthOf, type Timestamp, toTimestamp } from '../domain/time.ts';
import { findConversation } from '../store/conversations.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import { findMessage, findReply, insertMessage, listOpenReplies } from '../store/messages.ts';
import type { Queryable } from '../store/tables.ts';
import { reserveReply } from '../store/usage.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';
import { publishEvents } from './live-answers.ts';
import {
  findPlace,
  type Place,
  type PlaceInput,
  reopenConversation,
  requireOnePlace,
  startConversation,
} from './place.ts';
import { findEarlierSend, keepSend, type OnceSend } from './send-once.ts';

/** What a reply under way means for the next message: its reply waits, it is refused, or the one under way is stopped. */
export type WhenBusy = 'ENQUEUE' | 'REJECT' | 'INTERRUPT';

/** What to send, and where. */
export interface SendMessageInput extends PlaceInput {
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
  readonly message: Message;
  readonly reply: Message;
}

/** What a send did beyond what it answers. */
interface Sending {
  readonly sent: SentMessage;
  readonly events: readonly LoggedEvent[];
  /** The reply that was being written before. */
  readonly running: Message | undefined;
}

const MAX_WAITING_REPLIES = 100;
const NO_METADATA = toJson({});

const rulesFor = (maxChars: number) =>
  z.object({
    content: text(1, maxChars),
    sessionId: text(1, 255).optional(),
    metadata: metadataObject.optional(),
    clientMessageId: text(1, 255).optional(),
  });

/**
 * Stores a visitor's message and opens its reply, in one transaction; then the reply is written in the background, at
 * once, or when those before it in the conversation have ended. Resolves as soon as both are durable.
 * @throws InvalidInputError, NotFoundError, IdempotencyConflictError, ChatbotPausedError, ConversationBusyError,
 * QuotaExceededError, QueueFullError; nothing is stored.
 */
export async function sendMessage(
  deps: GenerateDeps,
  viewer: Viewer,
  channel: Channel,
  input: SendMessageInput,
): Promise<SentMessage> {
  const given = parseInput(rulesFor(deps.config.maxMessageChars), { ...input });
  requireOnePlace(input);
  const now = deps.clock.now();
  const { accountId } = viewer;

  const { sent, events, running } = await deps.db.transaction(async (trx): Promise<Sending> => {
    const place = await findPlace(trx, accountId, { ...input, sessionId: given.sessionId });
    const once = onceOf(place, input, given, now);
    const earlier = once && (await findEarlierSend(trx, accountId, once));
    if (earlier !== undefined) return { sent: await readSent(trx, accountId, earlier), events: [], running: undefined };

    if (!place.chatbot.isActive) throw new ChatbotPausedError();
    const open = place.conversation ? await listOpenReplies(trx, accountId, place.conversation.id) : [];
    if (open.length > 0 && input.whenBusy === 'REJECT') throw new ConversationBusyError();
    if (open.length > MAX_WAITING_REPLIES) throw new QueueFullError();
    const { monthlyMessageLimit } = deps.config;
    if (!(await reserveReply(trx, accountId, monthOf(now), monthlyMessageLimit))) throw new QuotaExceededError();

    const written = await write(trx, place, channel, { ...given, at: toTimestamp(now), isBusy: open.length > 0 });
    if (once !== undefined) await keepSend(trx, accountId, once, written.sent.message.id);
    return { ...written, running: open.find(({ status }) => status === 'STREAMING') };
  });

  publishEvents(deps.bus, events);
  if (events.length > 0 && sent.reply.status === 'STREAMING') startGenerating(deps, sent.reply);
  // Its end starts the turn of those that wait.
  if (running !== undefined && input.whenBusy === 'INTERRUPT') deps.liveAnswers.get(running.id)?.stop.abort();
  return sent;
}

/** The fields of an input, checked. */
type Given = z.output<ReturnType<typeof rulesFor>>;

/** What makes a send the same: what is said and where, as the client named it. */
function onceOf(place: Place, input: PlaceInput, given: Given, now: number): OnceSend | undefined {
  const { clientMessageId: key, content, sessionId, metadata } = given;
  if (key === undefined) return undefined;
  const conversationId = input.conversationId == null ? undefined : place.conversation?.id;
  return {
    scope: { chatbotId: place.chatbot.id, operation: 'sendMessage', key },
    asked: { conversationId, sessionId, content, metadata: metadata && JSON.parse(metadata) },
    now,
  };
}

/** What an earlier send wrote, as it stands now. */
async function readSent(trx: Queryable, accountId: string, messageId: string): Promise<SentMessage> {
  const message = requireFound('Message', await findMessage(trx, accountId, messageId));
  const conversation = requireFound('Conversation', await findConversation(trx, accountId, message.conversationId));
  const reply = requireFound('Message', await findReply(trx, accountId, message.id));
  return { conversation, message, reply };
}

async function write(
  trx: Queryable,
  { chatbot, conversation: found }: Place,
  channel: Channel,
  { content, sessionId, metadata, at, isBusy }: Given & { at: Timestamp; isBusy: boolean },
): Promise<{ sent: SentMessage; events: LoggedEvent[] }> {
  const conversation = found
    ? await reopenConversation(trx, found, at)
    : await startConversation(trx, chatbot, { channel, sessionId, metadata, at });
  const message = createMessage(conversation, at, {
    role: 'USER',
    status: 'COMPLETED',
    content,
    completedAt: at,
    metadata,
  });
  const reply = createMessage(conversation, at, {
    role: 'ASSISTANT',
    status: isBusy ? 'QUEUED' : 'STREAMING',
    parentId: message.id,
  });
  const events: LoggedEvent[] = [];
  for (const created of [message, reply]) {
    await insertMessage(trx, created);
    const { id: messageId, conversationId, status } = created;
    const event = { type: 'MessageCreated', messageId, conversationId, status, at } as const;
    events.push(await appendEvent(trx, created.accountId, event));
  }
  return { sent: { conversation, message, reply }, events };
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
