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

/** What generating needs. */
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

/** For how long the end of a reply is tried to be stored after errors that should not be. */
const MAX_BROKEN_MS = 8_000;

/**
 * Writes a reply in the background, and after it the one that waits next in its conversation, until none waits. One that
 * is being written here goes on as it is.
 * @param isAlone whether no other may be written beside it: see `recoverReplies`.
 */
export function startGenerating(deps: GenerateDeps, reply: Message, isAlone = false): void {
  if (deps.liveReplies.has(reply.id)) return;
  deps.background.run('generate', async (signal) => {
    let next = await generate(deps, { reply, isAlone }, signal);
    while (next !== undefined && !signal.aborted) next = await generate(deps, { reply: next, isAlone: false }, signal);
  });
}

/**
 * Writes one reply: the only writer of its text. What comes from the engine goes into the live answer, whose readers
 * are signalled; the end is stored in one transaction with what it costs. However the engine behaves, the reply ends;
 * but while the gateway stops, one of which nothing is written is left to the next start or to other gateways.
 * @returns the reply whose turn is next.
 */
async function generate(
  deps: GenerateDeps,
  { reply, isAlone }: { reply: Message; isAlone: boolean },
  signal: AbortSignal,
): Promise<Message | undefined> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const stop = new AbortController();
  const live: LiveReply = { accountId: reply.accountId, content: '', citations: [], savedSize: 0, stop, ended };
  deps.liveReplies.set(reply.id, live);
  deps.metrics.answersUnderWay.inc();
  let events: readonly LoggedEvent[] = [];
  const nodeId = deps.node.id;
  const over = AbortSignal.any([signal, stop.signal]);
  const leave = await deps.replyGate.enter(isAlone, over);
  try {
    // A stop is stored as the end of the reply, also of one that has not begun.
    if (!stop.signal.aborted && !(await mayBegin(deps, { reply, isAlone, nodeId }, signal))) return undefined;
    const { ending, question } = await write(deps, reply, live, over);
    const isUnseen = live.content === '' && live.citations.length === 0;
    const isHandedOver = signal.aborted && ending.status === 'INTERRUPTED' && isUnseen;
    if (stop.signal.reason === OWNERSHIP_LOST || isHandedOver) return undefined;
    const stored = await store(deps, { reply, nodeId }, ending, signal);
    events = stored.events;
    const isLastWord = ending.status === 'COMPLETED' && stored.next === undefined && !deps.background.isDraining;
    if (question && isLastWord) suggestFollowUps(deps, question, { ...reply, ...ending });
    return stored.next;
  } catch (error) {
    // Left to whoever watches for what is lost; after a stop, to the next start or the other gateways.
    deps.node.abandoned.add(reply.id);
    throw error;
  } finally {
    leave?.();
    deps.liveReplies.delete(reply.id);
    deps.liveTexts.end(reply.id);
    deps.metrics.answersUnderWay.dec();
    // Where the answer to a commit was lost, nobody has the events of what it did.
    deps.bus.publish(conversationTopic(reply.conversationId));
    publishEvents(deps.bus, events);
    end();
  }
}

/** Whether a reply can begin, which is counted where it runs alone: the others were counted with their turn. */
async function mayBegin(
  { db, background }: GenerateDeps,
  { reply, isAlone, nodeId }: { reply: Message; isAlone: boolean; nodeId: string },
  signal: AbortSignal,
): Promise<boolean> {
  if (background.isDraining) return false;
  if (!isAlone) return true;
  const count = () => db.transaction((trx) => countAttempt(trx, reply.accountId, reply.id, nodeId));
  return retryStep(count, { signal, unavailableMs: Number.POSITIVE_INFINITY, brokenMs: 0 });
}

async function write(
  deps: GenerateDeps,
  reply: Message,
  live: LiveReply,
  signal: AbortSignal,
): Promise<{ ending: ReplyEnd; question: Question | undefined }> {
  const run = createGenerationState();
  let failure: FailureCode | undefined;
  let question: Question | undefined;
  try {
    question = await retryStep(() => prepareQuestion(deps, reply), {
      signal,
      unavailableMs: ANSWER_STEP_MS,
      brokenMs: 0,
      onFirstFailure: (err) => deps.logger.warn({ err, messageId: reply.id }, 'cannot read a question; trying again'),
    });
    run.author = question.author;
    const engine = deps.engines.get(question.author.provider);
    if (engine === undefined) throw new Error(`There is no engine for the provider ${question.author.provider}.`);
    const topic = conversationTopic(reply.conversationId);
    const show = () => {
      deps.liveTexts.grow(reply.id, live);
      deps.bus.publish(topic, 'text');
    };
    let isShown = false;
    const take = (event: AnswerEvent): Promise<void> | undefined => {
      if (!applyAnswerEvent(run, live, event)) return undefined;
      if (isShown || (live.content === '' && live.citations.length === 0)) return void show();
      isShown = true;
      return saveFirstText(deps, reply.id, live).then(show);
    };
    await takeSteps(engine.answer(question, signal), take, signal);
    if (run.finish === undefined && !signal.aborted) throw new Error('The engine ended without a finish.');
  } catch (error) {
    failure = error instanceof AnswerFailure ? error.code : 'ANSWER_FAILED';
    if (!signal.aborted) deps.logger.error({ err: error, messageId: reply.id, ...run.author }, 'answer failed');
  }

  const { finish, author, firstTokenMs } = run;
  const status = finish
    ? 'COMPLETED'
    : live.stop.signal.aborted && live.stop.signal.reason !== OWNERSHIP_LOST
      ? 'STOPPED'
      : signal.aborted
        ? 'INTERRUPTED'
        : 'FAILED';
  const usage = finish?.usage ?? usageOf(run, live);
  const engine = author?.provider ?? 'none';
  deps.metrics.answers.inc({ engine, status });
  if (firstTokenMs !== null) deps.metrics.firstDeltaSeconds.observe({ engine }, firstTokenMs / 1_000);
  const priceNano = author && usage && deps.prices.priceOf(author, usage);
  if (usage !== null) recordUsageMetrics(deps.metrics, engine, usage, priceNano);
  const spent = run.spent.map((took) => {
    const priceNano = deps.prices.priceOf(took.author, took.usage);
    recordUsageMetrics(deps.metrics, took.author.provider, took.usage, priceNano);
    return { usage: took.usage, priceNano };
  });
  const ending: ReplyEnd = {
    id: reply.id,
    status,
    content: live.content,
    citations: live.citations,
    finishReason: finish?.reason ?? (status === 'FAILED' ? 'ERROR' : 'ABORTED'),
    usage,
    generation: author && { ...author, firstTokenMs, priceNano },
    reasoning: question?.answering.showsReasoning ? run.reasoning.toWellFormed() || null : null,
    error: status === 'FAILED' && failure ? { code: failure, message: FAILURES[failure] } : null,
    completedAt: toTimestamp(deps.clock.now()),
    spent,
  };
  return { ending, question };
}

/**
 * Stores the end, and starts the turn of the reply that waits next; when the gateway stops, that is left for the next
 * start. Tries again for as long as the storage is unavailable, and for a while after any other error.
 */
function store(
  deps: GenerateDeps,
  { reply, nodeId }: { reply: Message; nodeId: string },
  ending: ReplyEnd,
  shutdown: AbortSignal,
): Promise<{ next: Message | undefined; events: LoggedEvent[] }> {
  const { db, background, logger, node } = deps;
  const storeOnce = () =>
    db.transaction(async (trx) => {
      const conversation = await lockConversation(trx, reply.accountId, reply.conversationId);
      // Deleted with its chatbot, which gives back what was not begun.
      if (conversation === undefined) return { next: undefined, events: [] };
      const ended = await storeReplyEnd(trx, reply, ending, nodeId);
      if (background.isDraining) return { next: undefined, events: ended };
      const { next, events } = await startNextReply(trx, reply, { at: ending.completedAt, nodeId: node.id });
      return { next, events: [...ended, ...events] };
    });
  return retryStep(storeOnce, {
    signal: shutdown,
    unavailableMs: Number.POSITIVE_INFINITY,
    brokenMs: MAX_BROKEN_MS,
    onFirstFailure: (err) => logger.error({ err, messageId: reply.id }, 'cannot store an answer; trying again'),
  });
}

/**
 * Takes an engine's steps as they come, and leaves at once when `signal` aborts, whether the engine listens to it or not.
 * A token costs one promise, unless `take` wants a pause: a generator that passes the steps on would cost three, a race with the abort would keep
 * something of each step to the end.
 */
function takeSteps(
  answer: AsyncIterable<AnswerEvent>,
  take: (event: AnswerEvent) => Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const steps = answer[Symbol.asyncIterator]();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isOver = signal.aborted;
  const end = () => {
    isOver = true;
    resolve();
  };
  const readOn = () => void steps.next().then(takeOne, reject);
  const takeOne = ({ done, value }: IteratorResult<AnswerEvent>) => {
    try {
      if (isOver || done) end();
      else {
        const pause = take(value);
        if (pause === undefined) readOn();
        else pause.then(readOn, reject);
      }
    } catch (error) {
      reject(error);
    }
  };
  signal.addEventListener('abort', end, { once: true });
  if (isOver) resolve();
  else readOn();
  return promise.finally(() => {
    isOver = true;
    signal.removeEventListener('abort', end);
    // Not awaited: an engine that does not listen would not come to its end.
    steps.return?.().catch(() => {});
  });
}
