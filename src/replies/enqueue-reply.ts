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
import { type GenerateDeps, startGenerating } from './generate.ts';
import { requestStop, type StopRequest, stopReplies } from './stop-reply.ts';

/** What a new message does while the conversation has open replies: it is queued or rejected, or it stops them. */
export type WhenBusy = 'ENQUEUE' | 'REJECT' | 'INTERRUPT';

/** A position in a conversation's queue whose reply is not written yet, and the replies that were stopped for it. */
export interface EnqueuedReply extends StopRequest {
  /** Whether another reply is generated first. */
  readonly isBusy: boolean;
  /** The quota warnings that this reply causes. */
  readonly warnings: readonly QuotaWarning[];
}

const MAX_QUEUED_REPLIES = 100;

/**
 * Reserves the next position in a conversation's queue, and one reply of the monthly quota; `undefined` while a person
 * answers, because then there is no reply.
 * @param conversation locked by the caller; absent if the message starts a conversation.
 * @param whenBusy absent: `ENQUEUE`.
 * @throws ChatbotPausedError, ConversationBusyError, QueueFullError, QuotaExceededError
 */
export async function enqueueReply(
  trx: Queryable,
  config: GenerateDeps['config'],
  { chatbot, conversation }: { chatbot: Chatbot; conversation: Conversation | undefined },
  { now, whenBusy }: { now: number; whenBusy?: WhenBusy | null | undefined },
): Promise<EnqueuedReply | undefined> {
  const { accountId } = chatbot;
  if (conversation && answererOf(conversation, now) === 'PERSON') return undefined;
  if (!chatbot.isActive) throw new ChatbotPausedError();
  const open = conversation ? await listOpenReplies(trx, accountId, conversation.id) : [];
  if (open.length > 0 && whenBusy === 'REJECT') throw new ConversationBusyError();
  // Stops queued replies before reserving quota, because each of them gives its quota back.
  const { stopping, events } = await requestStop(trx, whenBusy === 'INTERRUPT' ? open : [], toTimestamp(now));
  const precedingReplies = whenBusy === 'INTERRUPT' ? stopping : open;
  if (precedingReplies.length > MAX_QUEUED_REPLIES) throw new QueueFullError();
  const warnings = await reserveReplyQuota(trx, config, accountId, now);
  return { isBusy: precedingReplies.length > 0, stopping, events, warnings };
}

/** A reply to write, and the API key of its request. */
interface NewReply {
  readonly question: Message;
  readonly enqueued: EnqueuedReply;
  readonly now: number;
  /** The node that generates the reply; null: see `nodeForNewReplies`. */
  readonly nodeId: string | null;
  readonly apiKeyId: string;
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
  { question, enqueued, now, nodeId, apiKeyId }: NewReply,
): Promise<{ message: Message; event: LoggedEvent }> {
  const isQueued = enqueued.isBusy || nodeId === null;
  const state = isQueued ? ({ status: 'QUEUED' } as const) : ({ status: 'STREAMING', nodeId } as const);
  const reply = { role: 'ASSISTANT', ...state, parentId: question.id, apiKeyId } as const;
  return writeMessage(trx, conversation, toTimestamp(now), reply);
}

/**
 * Completes a request after its commit: publishes its events and quota warnings, starts its reply unless that is
 * queued, and stops the replies that the request interrupts. For a repeated request, it repeats the steps that the
 * first request may not have completed: see `repeatEffects`.
 */
export function dispatchReply(
  deps: GenerateDeps,
  { reply, enqueued, events, stopping = enqueued?.stopping ?? [] }: DispatchInput,
): void {
  publishEvents(deps.bus, [...(enqueued?.events ?? []), ...events]);
  for (const { accountId } of enqueued?.warnings ?? []) deps.bus.publish(quotaTopic(accountId));
  if (enqueued && reply?.status === 'STREAMING') startGenerating(deps, reply);
  // When the last of them ends, the next queued reply starts.
  if (stopping.length > 0) deps.background.run('stop replies', () => stopReplies(deps, stopping));
}

/** A committed request, and the input for the steps that follow the commit. */
export interface DispatchInput {
  readonly reply: Message | null;
  readonly enqueued: EnqueuedReply | undefined;
  readonly events: readonly Pick<LoggedEvent, 'conversationId' | 'chatbotId'>[];
  /** The replies to stop; absent: those of `enqueued`. */
  readonly stopping?: readonly Message[];
}
