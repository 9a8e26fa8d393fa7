import type { Viewer } from '../access/viewer.ts';
import { answererOf } from '../conversations/handoff.ts';
import { reserveReplyQuota } from '../conversations/quota.ts';
import { writeMessage } from '../conversations/write-message.ts';
import { publishEvents, quotaTopic } from '../coordination/topics.ts';
import type { Chatbot, Conversation, Message } from '../domain/entities.ts';
import { ChatbotPausedError, ConversationBusyError, QueueFullError } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import type { QuotaWarning } from '../domain/usage.ts';
import type { LoggedEvent } from '../store/events.ts';
import { listOpenReplies } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';
import { requireUnblockedVisitor } from '../visitors/visitor-of-send.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';
import { listReplyBudgets, reserveReplyBudgets } from './reply-budgets.ts';
import { requestStop, type StopRequest, stopReplies } from './stop-reply.ts';

/**
 * The effect of a new message while the conversation has open replies: its reply waits for them, the gateway rejects
 * the message, or the message stops them.
 */
export type WhenBusy = 'ENQUEUE' | 'REJECT' | 'INTERRUPT';

/** A reserved position in a conversation's queue of replies, and the replies that were stopped for it. */
export interface EnqueuedReply extends StopRequest {
  /** Whether another reply is generated first. */
  readonly hasPredecessor: boolean;
  /** The quota warnings that this reply causes. */
  readonly warnings: readonly QuotaWarning[];
  /** The owners of the budgets that the reply counts against. */
  readonly budgetIds: readonly string[];
}

const MAX_QUEUED_REPLIES = 100;

/**
 * Reserves the next position in a conversation's queue, and one reply of the monthly quota and of each budget. Returns `undefined` while a
 * person answers, because the message then gets no reply.
 * @param conversation locked by the caller; absent if the message starts a conversation.
 * @param whenBusy absent: `ENQUEUE`.
 * @throws ChatbotPausedError, ConversationBusyError, QueueFullError, QuotaExceededError, VisitorBlockedError
 */
export async function enqueueReply(
  trx: Queryable,
  config: GenerateDeps['config'],
  { chatbot, conversation }: { chatbot: Chatbot; conversation: Conversation | undefined },
  { viewer, now, whenBusy }: { viewer: Viewer; now: number; whenBusy?: WhenBusy | null | undefined },
): Promise<EnqueuedReply | undefined> {
  const { accountId } = chatbot;
  if (conversation) await requireUnblockedVisitor(trx, conversation);
  if (conversation && answererOf(conversation, now) === 'AGENT') return undefined;
  if (!chatbot.isActive) throw new ChatbotPausedError();
  const openReplies = conversation ? await listOpenReplies(trx, accountId, conversation.id) : [];
  if (openReplies.length > 0 && whenBusy === 'REJECT') throw new ConversationBusyError();
  // Stops queued replies before reserving quota, because each of them gives its quota back.
  const { repliesToStop, events } = await requestStop(
    trx,
    whenBusy === 'INTERRUPT' ? openReplies : [],
    toTimestamp(now),
  );
  const precedingReplies = whenBusy === 'INTERRUPT' ? repliesToStop : openReplies;
  if (precedingReplies.length > MAX_QUEUED_REPLIES) throw new QueueFullError();
  const warnings = await reserveReplyQuota(trx, config, accountId, now);
  const budgets = listReplyBudgets(viewer, chatbot);
  await reserveReplyBudgets(trx, accountId, budgets, now);
  const budgetIds = budgets.map(({ ownerId }) => ownerId);
  return { hasPredecessor: precedingReplies.length > 0, repliesToStop, events, warnings, budgetIds };
}

/** A reply to write, and the API key of its request. */
interface NewReply {
  readonly userMessage: Message;
  readonly enqueued: EnqueuedReply;
  readonly now: number;
  /** The node that generates the reply; null: see `nodeForNewReplies`. */
  readonly nodeId: string | null;
  readonly apiKeyId: string | null;
  /** The reply that this one replaces, if any. */
  readonly replacesId?: string;
}

/** Returns the id of this node; null while the gateway is stopping, because it would interrupt new replies. */
export function nodeForNewReplies({ background, node }: Pick<GenerateDeps, 'background' | 'node'>): string | null {
  return background.isDraining ? null : node.id;
}

/**
 * Writes the reply to a user message at its position in the queue. The reply is QUEUED if another reply comes first, or
 * if `nodeId` is null: then another node generates it, or this gateway after its next start. `startNextReply` starts a
 * queued reply.
 */
export async function writeReply(
  trx: Queryable,
  conversation: Conversation,
  { userMessage, enqueued, now, nodeId, ...origin }: NewReply,
): Promise<{ message: Message; event: LoggedEvent }> {
  const isQueued = enqueued.hasPredecessor || nodeId === null;
  const state = isQueued ? ({ status: 'QUEUED' } as const) : ({ status: 'STREAMING', nodeId } as const);
  const { budgetIds } = enqueued;
  const reply = { role: 'ASSISTANT', ...state, parentId: userMessage.id, budgetIds, ...origin } as const;
  return writeMessage(trx, conversation, toTimestamp(now), reply);
}

/**
 * Completes a request after its commit: publishes its events and quota warnings, starts its reply unless that is
 * queued, and stops the replies that the request interrupts. For a repeated request, it repeats the steps that the
 * first request may not have completed: see `readEffectsToRepeat`.
 */
export function dispatchReply(
  deps: GenerateDeps,
  { reply, enqueued, events, repliesToStop = enqueued?.repliesToStop ?? [] }: DispatchInput,
): void {
  publishEvents(deps.bus, [...(enqueued?.events ?? []), ...events]);
  for (const { accountId } of enqueued?.warnings ?? []) deps.bus.publish(quotaTopic(accountId));
  if (enqueued && reply?.status === 'STREAMING') startGenerating(deps, reply);
  // When the last stopped reply ends, the next queued reply starts.
  if (repliesToStop.length > 0) deps.background.run('stop replies', () => stopReplies(deps, repliesToStop));
}

/** A committed request, and the input for the steps that follow the commit. */
export interface DispatchInput {
  readonly reply: Message | null;
  readonly enqueued: EnqueuedReply | undefined;
  readonly events: readonly Pick<LoggedEvent, 'accountId' | 'chatbotId' | 'conversationId'>[];
  /** The replies to stop; absent: those of `enqueued`. */
  readonly repliesToStop?: readonly Message[];
}
