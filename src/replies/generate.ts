import type { AnswerEvent, Question } from '../answer/engine.ts';
import { conversationTopic, publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { AnswerFailure, FAILURES, type FailureCode } from '../domain/failures.ts';
import { toTimestamp } from '../domain/time.ts';
import { lockConversation } from '../store/conversations.ts';
import { ANSWER_STEP_MS, retryStep } from '../store/engines/retry.ts';
import type { LoggedEvent } from '../store/events.ts';
import { countAttempt, type ReplyEnd } from '../store/open-replies.ts';
import { saveFirstText } from './checkpoint.ts';
import { startNextReply, storeReplyEnd } from './finish-reply.ts';
import { applyAnswerEvent, createGenerationState, recordUsageMetrics, usageOf } from './generation-state.ts';
import { type LiveReply, OWNERSHIP_LOST } from './live-replies.ts';
import { prepareQuestion } from './prepare-question.ts';
import { suggestFollowUps } from './suggest-follow-ups.ts';

/** The dependencies of generating replies. */
export type GenerateDeps = Pick<
  Deps,
  | 'db'
  | 'clock'
  | 'config'
  | 'logger'
  | 'metrics'
  | 'background'
  | 'bus'
  | 'announcements'
  | 'node'
  | 'liveReplies'
  | 'replyGate'
  | 'liveTexts'
  | 'engines'
  | 'prices'
>;

/** How long the node keeps trying to store the end of a reply after unexpected errors. */
const MAX_BROKEN_MS = 8_000;

/**
 * Generates a reply in the background, then the queued replies of its conversation, one after another. Does nothing for
 * a reply that this process is already generating.
 * @param isAlone whether this process must not generate any other reply at the same time: see `recoverReplies`.
 */
export function startGenerating(deps: GenerateDeps, reply: Message, isAlone = false): void {
  if (deps.liveReplies.has(reply.id)) return;
  deps.background.run('generate', async (signal) => {
    let next = await generate(deps, { reply, isAlone }, signal);
    while (next !== undefined && !signal.aborted) next = await generate(deps, { reply: next, isAlone: false }, signal);
  });
}

/**
 * Generates one reply. The engine's answer goes into the live reply, and the bus signals each change to the
 * subscribers. The end of the reply and its usage are stored in one transaction. The reply ends however the engine
 * behaves. If the gateway stops before there is any text, another node generates the reply, or this gateway after its
 * next start.
 * @returns the next reply of the conversation.
 */
async function generate(
  deps: GenerateDeps,
  { reply, isAlone }: { reply: Message; isAlone: boolean },
  signal: AbortSignal,
): Promise<Message | undefined> {
  const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<void>();
  const stop = new AbortController();
  const live: LiveReply = { accountId: reply.accountId, content: '', citations: [], savedSize: 0, stop, ended };
  deps.liveReplies.set(reply.id, live);
  deps.metrics.activeAnswers.inc();
  let events: readonly LoggedEvent[] = [];
  const nodeId = deps.node.id;
  const anySignal = AbortSignal.any([signal, stop.signal]);
  const leaveGate = await deps.replyGate.enter(isAlone, anySignal);
  try {
    // If a reply is stopped before its generation begins, its end must still be stored.
    if (!stop.signal.aborted && !(await tryBegin(deps, { reply, isAlone, nodeId }, signal))) return undefined;
    const { end: replyEnd, question } = await generateText(deps, reply, live, anySignal);
    const isUnseen = live.content === '' && live.citations.length === 0;
    const isLeftForRecovery = signal.aborted && replyEnd.status === 'INTERRUPTED' && isUnseen;
    if (stop.signal.reason === OWNERSHIP_LOST || isLeftForRecovery) return undefined;
    const stored = await storeEnd(deps, { reply, nodeId }, replyEnd, signal);
    events = stored.events;
    const isLastReply = replyEnd.status === 'COMPLETED' && stored.next === undefined && !deps.background.isDraining;
    if (question && isLastReply) suggestFollowUps(deps, question, { ...reply, ...replyEnd });
    return stored.next;
  } catch (error) {
    // The reply watcher recovers the reply; if this gateway is stopping, another node or its next start recovers it.
    deps.node.abandoned.add(reply.id);
    throw error;
  } finally {
    leaveGate?.();
    deps.liveReplies.delete(reply.id);
    deps.liveTexts.end(reply.id);
    deps.metrics.activeAnswers.dec();
    // Published separately, because `events` lacks the stored events if the confirmation of the commit was lost.
    deps.bus.publish(conversationTopic(reply.conversationId));
    publishEvents(deps.bus, events);
    resolveEnded();
  }
}

/** Returns whether the reply may begin. Counts its attempt if it is generated alone; others are already counted. */
async function tryBegin(
  { db, background }: GenerateDeps,
  { reply, isAlone, nodeId }: { reply: Message; isAlone: boolean; nodeId: string },
  signal: AbortSignal,
): Promise<boolean> {
  if (background.isDraining) return false;
  if (!isAlone) return true;
  const count = () => db.transaction((trx) => countAttempt(trx, reply.accountId, reply.id, nodeId));
  return retryStep(count, { signal, unavailableMs: Number.POSITIVE_INFINITY, brokenMs: 0 });
}

async function generateText(
  deps: GenerateDeps,
  reply: Message,
  live: LiveReply,
  signal: AbortSignal,
): Promise<{ end: ReplyEnd; question: Question | undefined }> {
  const state = createGenerationState();
  let failure: FailureCode | undefined;
  let question: Question | undefined;
  try {
    question = await retryStep(() => prepareQuestion(deps, reply), {
      signal,
      unavailableMs: ANSWER_STEP_MS,
      brokenMs: 0,
      onFirstFailure: (err) => deps.logger.warn({ err, messageId: reply.id }, 'cannot read a question; retrying'),
    });
    state.author = question.author;
    const engine = deps.engines.get(question.author.provider);
    if (engine === undefined) throw new Error(`There is no engine for the provider ${question.author.provider}.`);
    const topic = conversationTopic(reply.conversationId);
    const publish = () => {
      deps.liveTexts.update(reply.id, live);
      deps.bus.publish(topic, 'text');
    };
    let isPublished = false;
    const receive = (event: AnswerEvent): Promise<void> | undefined => {
      if (!applyAnswerEvent(state, live, event)) return undefined;
      if (isPublished || (live.content === '' && live.citations.length === 0)) return void publish();
      isPublished = true;
      return saveFirstText(deps, reply.id, live).then(publish);
    };
    await consumeAnswer(engine.answer(question, signal), receive, signal);
    if (state.finish === undefined && !signal.aborted) throw new Error('The engine ended without a finish.');
  } catch (error) {
    failure = error instanceof AnswerFailure ? error.code : 'ANSWER_FAILED';
    if (!signal.aborted) deps.logger.error({ err: error, messageId: reply.id, ...state.author }, 'answer failed');
  }

  const { finish, author, firstTokenMs } = state;
  const status = finish
    ? 'COMPLETED'
    : live.stop.signal.aborted && live.stop.signal.reason !== OWNERSHIP_LOST
      ? 'STOPPED'
      : signal.aborted
        ? 'INTERRUPTED'
        : 'FAILED';
  const usage = finish?.usage ?? usageOf(state, live);
  const engine = author?.provider ?? 'none';
  deps.metrics.answers.inc({ engine, status });
  if (firstTokenMs !== null) deps.metrics.firstDeltaSeconds.observe({ engine }, firstTokenMs / 1_000);
  const priceNano = author && usage && deps.prices.priceOf(author, usage);
  if (usage !== null) recordUsageMetrics(deps.metrics, engine, usage, priceNano);
  const discardedUsage = state.spent.map(({ author, usage }) => {
    const priceNano = deps.prices.priceOf(author, usage);
    recordUsageMetrics(deps.metrics, author.provider, usage, priceNano);
    return { usage, priceNano };
  });
  const end: ReplyEnd = {
    id: reply.id,
    status,
    content: live.content,
    citations: live.citations,
    finishReason: finish?.reason ?? (status === 'FAILED' ? 'ERROR' : 'ABORTED'),
    usage,
    generation: author && { ...author, firstTokenMs, priceNano },
    reasoning: question?.answering.showsReasoning ? state.reasoning.toWellFormed() || null : null,
    error: status === 'FAILED' && failure ? { code: failure, message: FAILURES[failure] } : null,
    completedAt: toTimestamp(deps.clock.now()),
    discardedUsage,
  };
  return { end, question };
}

/**
 * Stores the end of a reply, and marks the next one as started unless the gateway is stopping. Retries for as long as
 * the storage is unavailable, and for 8 seconds after any other error.
 */
function storeEnd(
  deps: GenerateDeps,
  { reply, nodeId }: { reply: Message; nodeId: string },
  end: ReplyEnd,
  shutdown: AbortSignal,
): Promise<{ next: Message | undefined; events: LoggedEvent[] }> {
  const { db, background, logger, node } = deps;
  const storeOnce = () =>
    db.transaction(async (trx) => {
      const conversation = await lockConversation(trx, reply.accountId, reply.conversationId);
      // The chatbot was deleted; the deletion gave the quota back.
      if (conversation === undefined) return { next: undefined, events: [] };
      const ended = await storeReplyEnd(trx, reply, end, nodeId);
      if (background.isDraining) return { next: undefined, events: ended };
      const { next, events } = await startNextReply(trx, reply, { at: end.completedAt, nodeId: node.id });
      return { next, events: [...ended, ...events] };
    });
  return retryStep(storeOnce, {
    signal: shutdown,
    unavailableMs: Number.POSITIVE_INFINITY,
    brokenMs: MAX_BROKEN_MS,
    onFirstFailure: (err) => logger.error({ err, messageId: reply.id }, 'cannot store the end of a reply; retrying'),
  });
}

/**
 * Passes the events of an answer to `receive`, and resolves as soon as `signal` aborts, even if the engine ignores the
 * signal. Each event needs one promise, plus that of `receive` if it returns one. A generator around the answer would
 * need three per event, and a `Promise.race` with the abort would retain memory for each event until the end.
 */
function consumeAnswer(
  answer: AsyncIterable<AnswerEvent>,
  receive: (event: AnswerEvent) => Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const events = answer[Symbol.asyncIterator]();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isOver = signal.aborted;
  const end = () => {
    isOver = true;
    resolve();
  };
  const readNext = () => void events.next().then(receiveNext, reject);
  const receiveNext = ({ done, value }: IteratorResult<AnswerEvent>) => {
    try {
      if (isOver || done) end();
      else {
        const pause = receive(value);
        if (pause === undefined) readNext();
        else pause.then(readNext, reject);
      }
    } catch (error) {
      reject(error);
    }
  };
  signal.addEventListener('abort', end, { once: true });
  if (isOver) resolve();
  else readNext();
  return promise.finally(() => {
    isOver = true;
    signal.removeEventListener('abort', end);
    // Not awaited, because an engine that ignores the signal would delay the caller.
    events.return?.().catch(() => {});
  });
}
