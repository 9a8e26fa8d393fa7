import type { AnswerEvent, Question } from '../answer/engine.ts';
import { conversationTopic, publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { lockConversation } from '../store/conversations.ts';
import { ANSWER_STEP_RETRY_MS, retryStep } from '../store/engines/retry.ts';
import type { LoggedEvent } from '../store/events.ts';
import { countAttempt, type ReplyEnd } from '../store/open-replies.ts';
import { saveFirstText } from './checkpoint.ts';
import { composeReplyEnd } from './compose-reply-end.ts';
import { startNextReply, storeReplyEnd } from './finish-reply.ts';
import { applyAnswerEvent, createGenerationState, startAttempt } from './generation-state.ts';
import { type LiveReply, OWNERSHIP_LOST } from './live-replies.ts';
import { prepareQuestion } from './prepare-question.ts';
import { suggestFollowUps } from './suggest-follow-ups.ts';

/** The dependencies of generating replies. */
export type GenerateDeps = Pick<
  Deps,
  | 'db'
  | 'clock'
  | 'config'
  | 'embedder'
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

/** How long the node retries storing the end of a reply after an unexpected error. */
const MAX_ERROR_RETRY_MS = 8_000;

/**
 * Generates a reply in the background, then the queued replies of its conversation, one after another. Does nothing for
 * a reply that this process is already generating.
 * @param isExclusive whether this process must not generate any other reply at the same time: see `recoverReplies`.
 */
export function startGenerating(deps: GenerateDeps, reply: Message, isExclusive = false): void {
  if (deps.liveReplies.has(reply.id)) return;
  deps.background.run('generate', async (signal) => {
    let next = await generate(deps, { reply, isExclusive }, signal);
    while (next !== undefined && !signal.aborted) {
      next = await generate(deps, { reply: next, isExclusive: false }, signal);
    }
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
  { reply, isExclusive }: { reply: Message; isExclusive: boolean },
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
  const releaseGate = await deps.replyGate.enter(isExclusive, anySignal);
  try {
    // If a reply is stopped before its generation starts, its end must still be stored.
    if (!stop.signal.aborted && !(await tryStart(deps, { reply, isExclusive, nodeId }, signal))) return undefined;
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
    deps.node.abandonedReplyIds.add(reply.id);
    throw error;
  } finally {
    releaseGate?.();
    deps.liveReplies.delete(reply.id);
    deps.liveTexts.end(reply.id);
    deps.metrics.activeAnswers.dec();
    // Published separately, because `events` lacks the stored events if the confirmation of the commit was lost.
    deps.bus.publish(conversationTopic(reply.conversationId));
    publishEvents(deps.bus, events);
    resolveEnded();
  }
}

/**
 * Returns whether the generation may start. Counts the attempt if the generation is exclusive; other attempts are
 * counted when the reply is assigned to a node.
 */
async function tryStart(
  { db, background }: GenerateDeps,
  { reply, isExclusive, nodeId }: { reply: Message; isExclusive: boolean; nodeId: string },
  signal: AbortSignal,
): Promise<boolean> {
  if (background.isDraining) return false;
  if (!isExclusive) return true;
  const count = () => db.transaction((trx) => countAttempt(trx, reply.accountId, reply.id, nodeId));
  return retryStep(count, { signal, unavailableRetryMs: Number.POSITIVE_INFINITY, otherErrorRetryMs: 0 });
}

async function generateText(
  deps: GenerateDeps,
  reply: Message,
  live: LiveReply,
  signal: AbortSignal,
): Promise<{ end: ReplyEnd; question: Question | undefined }> {
  const state = createGenerationState(deps.clock.now());
  let error: unknown;
  let question: Question | undefined;
  try {
    question = await retryStep(() => prepareQuestion(deps, reply), {
      signal,
      unavailableRetryMs: ANSWER_STEP_RETRY_MS,
      otherErrorRetryMs: 0,
      onFirstFailure: (err) => deps.logger.warn({ err, messageId: reply.id }, 'cannot read a question; retrying'),
    });
    startAttempt(state, question.answeringModel);
    const { provider } = question.answeringModel;
    const engine = deps.engines.get(provider);
    if (engine === undefined) throw new Error(`There is no engine for the provider ${provider}.`);
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
    if (state.finish === undefined && !signal.aborted) throw new Error('The engine ended without a `finish` event.');
  } catch (err) {
    error = err;
    if (!signal.aborted) deps.logger.error({ err, messageId: reply.id, ...state.answeringModel }, 'answer failed');
  }
  return { end: composeReplyEnd(deps, reply, { state, live, question, error, isAborted: signal.aborted }), question };
}

/**
 * Stores the end of a reply, and marks the next reply as started unless the gateway is stopping. Retries for as long as
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
      const endEvents = await storeReplyEnd(trx, reply, end, nodeId);
      if (background.isDraining) return { next: undefined, events: endEvents };
      const { next, events } = await startNextReply(trx, reply, { at: end.completedAt, nodeId: node.id });
      return { next, events: [...endEvents, ...events] };
    });
  return retryStep(storeOnce, {
    signal: shutdown,
    unavailableRetryMs: Number.POSITIVE_INFINITY,
    otherErrorRetryMs: MAX_ERROR_RETRY_MS,
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
