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

/** What open replies of a conversation mean for the next one: it waits, it is refused, or they all give way to it. */
export type WhenBusy = 'ENQUEUE' | 'REJECT' | 'INTERRUPT';

/** A turn in a conversation, which is taken but has no reply yet, and what was stopped for it. */
export interface EnqueuedReply extends StopRequest {
  /** Whether it has to wait. */
  readonly isBusy: boolean;
  /** What there is to be said of the quota that it is taken from. */
  readonly warnings: readonly QuotaWarning[];
}

const MAX_WAITING_REPLIES = 100;

/**
 * Takes the next turn of a conversation, and a reply of the month's quota; `undefined` while a person answers, when there
 * will be no reply.
 * @param conversation held by the caller; absent where it has yet to be started.
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
  // Before the quota is asked for: what those take that are never begun is given back.
  const { stopping, events } = await requestStop(trx, whenBusy === 'INTERRUPT' ? open : [], toTimestamp(now));
  const ahead = whenBusy === 'INTERRUPT' ? stopping : open;
  if (ahead.length > MAX_WAITING_REPLIES) throw new QueueFullError();
  const warnings = await reserveReplyQuota(trx, config, accountId, now);
  return { isBusy: ahead.length > 0, stopping, events, warnings };
}

/** A reply that is to be opened, and the key that asks for it. */
interface Opening {
  readonly question: Message;
  readonly turn: EnqueuedReply;
  readonly now: number;
  /** The node that begins the reply when its turn has come; null where none does here: see `beginnerOf`. */
  readonly nodeId: string | null;
  readonly apiKeyId: string;
}

/** The node that begins new replies in this process: none while the gateway stops, which would cut them. */
export function nodeForNewReplies({ background, node }: Pick<GenerateDeps, 'background' | 'node'>): string | null {
  return background.isDraining ? null : node.id;
}

/**
 * Opens the reply to a question in the turn that was taken for it. Where no node begins it, it is QUEUED, for the next
 * start or another gateway.
 */
export async function writeReply(
  trx: Queryable,
  conversation: Conversation,
  { question, turn, now, nodeId, apiKeyId }: Opening,
): Promise<{ message: Message; event: LoggedEvent }> {
  const isWaiting = turn.isBusy || nodeId === null;
  const state = isWaiting ? ({ status: 'QUEUED' } as const) : ({ status: 'STREAMING', nodeId } as const);
  const reply = { role: 'ASSISTANT', ...state, parentId: question.id, apiKeyId } as const;
  return writeMessage(trx, conversation, toTimestamp(now), reply);
}

/**
 * Does what follows the commit: tells of what was written; with a turn that was taken begins the reply if that has come,
 * and clears its way. Of a request that is sent again, see `repeatEffects`, what may not have been done the first time.
 */
export function dispatchReply(
  deps: GenerateDeps,
  { reply, turn, events, stopping = turn?.stopping ?? [] }: DispatchInput,
): void {
  publishEvents(deps.bus, [...(turn?.events ?? []), ...events]);
  for (const { accountId } of turn?.warnings ?? []) deps.bus.publish(quotaTopic(accountId));
  if (turn && reply?.status === 'STREAMING') startGenerating(deps, reply);
  // Their ends start the turn of those that wait.
  if (stopping.length > 0) deps.background.run('interrupt', () => stopReplies(deps, stopping));
}

/** What was committed of a reply, and what has to follow. */
export interface DispatchInput {
  readonly reply: Message | null;
  readonly turn: EnqueuedReply | undefined;
  readonly events: readonly Pick<LoggedEvent, 'conversationId' | 'chatbotId'>[];
  /** The replies to stop; absent: those of the turn. */
  readonly stopping?: readonly Message[];
}
