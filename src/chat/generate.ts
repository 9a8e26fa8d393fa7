import type { AnswerEvent, Question } from '../answer/engine.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { AnswerFailure, FAILURES, type FailureCode } from '../domain/failures.ts';
import { toTimestamp } from '../domain/time.ts';
import { lockConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import type { MessageEnding } from '../store/open-replies.ts';
import { retryStep } from '../store/retry.ts';
import { conversationTopic, type LiveAnswer, LOST, publishEvents } from './live-answers.ts';
import { prepareQuestion } from './question.ts';
import { countUse, startRun, takeStep, usageOf } from './run.ts';
import { suggestFollowUps } from './suggest-follow-ups.ts';
import { startNext, storeEnding } from './turns.ts';

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
  | 'liveAnswers'
  | 'liveTexts'
  | 'engines'
  | 'prices'
>;

/** For how long the end of a reply is tried to be stored after errors that should not be. */
const MAX_BROKEN_MS = 8_000;
/** For how long what an answer is made of is tried to be read while the database is away. */
const MAX_PREPARE_MS = 30_000;

/**
 * Writes a reply in the background, and after it the one that waits next in its conversation, until none waits. One that
 * is being written here goes on as it is.
 */
export function startGenerating(deps: GenerateDeps, reply: Message): void {
  if (deps.liveAnswers.has(reply.id)) return;
  deps.background.run('generate', async (signal) => {
    let next: Message | undefined = reply;
    while (next !== undefined && !signal.aborted) next = await generate(deps, next, signal);
  });
}

/**
 * Writes one reply: the only writer of its text. What comes from the engine goes into the live answer, whose readers
 * are signalled; the end is stored in one transaction with what it costs. However the engine behaves, the reply ends.
 * @returns the reply whose turn is next.
 */
async function generate(deps: GenerateDeps, reply: Message, signal: AbortSignal): Promise<Message | undefined> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const stop = new AbortController();
  const live: LiveAnswer = { accountId: reply.accountId, content: '', citations: [], savedSize: 0, stop, ended };
  deps.liveAnswers.set(reply.id, live);
  deps.metrics.answersUnderWay.inc();
  let events: readonly LoggedEvent[] = [];
  try {
    const { ending, question } = await write(deps, reply, live, AbortSignal.any([signal, stop.signal]));
    const stored = await store(deps, reply, ending, signal);
    events = stored.events;
    const isLastWord = ending.status === 'COMPLETED' && stored.next === undefined && !deps.background.isDraining;
    if (question && isLastWord) suggestFollowUps(deps, question, { ...reply, ...ending });
    return stored.next;
  } catch (error) {
    // Left to whoever watches for what is lost; after a stop, to the next start or the other gateways.
    deps.node.abandoned.add(reply.id);
    throw error;
  } finally {
    deps.liveAnswers.delete(reply.id);
    deps.liveTexts.end(reply.id);
    deps.metrics.answersUnderWay.dec();
    // Where the answer to a commit was lost, nobody has the events of what it did.
    deps.bus.publish(conversationTopic(reply.conversationId));
    publishEvents(deps.bus, events);
    end();
  }
}

async function write(
  deps: GenerateDeps,
  reply: Message,
  live: LiveAnswer,
  signal: AbortSignal,
): Promise<{ ending: MessageEnding; question: Question | undefined }> {
  const run = startRun();
  let failure: FailureCode | undefined;
  let question: Question | undefined;
  try {
    question = await retryStep(() => prepareQuestion(deps, reply), {
      signal,
      unavailableMs: MAX_PREPARE_MS,
      brokenMs: 0,
      onFirstFailure: (err) => deps.logger.warn({ err, messageId: reply.id }, 'cannot read a question; trying again'),
    });
    run.author = question.author;
    const engine = deps.engines.get(question.author.provider);
    if (engine === undefined) throw new Error(`There is no engine for the provider ${question.author.provider}.`);
    const topic = conversationTopic(reply.conversationId);
    const take = (event: AnswerEvent) => {
      if (!takeStep(run, live, event)) return;
      deps.liveTexts.grow(reply.id, live);
      deps.bus.publish(topic, 'text');
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
    : live.stop.signal.aborted && live.stop.signal.reason !== LOST
      ? 'STOPPED'
      : signal.aborted
        ? 'INTERRUPTED'
        : 'FAILED';
  const usage = finish?.usage ?? usageOf(run, live);
  const engine = author?.provider ?? 'none';
  deps.metrics.answers.inc({ engine, status });
  if (firstTokenMs !== null) deps.metrics.firstDeltaSeconds.observe({ engine }, firstTokenMs / 1_000);
  const priceNano = author && usage && deps.prices.priceOf(author, usage);
  if (usage !== null) countUse(deps.metrics, engine, usage, priceNano);
  const spent = run.spent.map((took) => {
    const priceNano = deps.prices.priceOf(took.author, took.usage);
    countUse(deps.metrics, took.author.provider, took.usage, priceNano);
    return { usage: took.usage, priceNano };
  });
  const ending: MessageEnding = {
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
  reply: Message,
  ending: MessageEnding,
  shutdown: AbortSignal,
): Promise<{ next: Message | undefined; events: LoggedEvent[] }> {
  const { db, background, logger, node } = deps;
  const storeOnce = () =>
    db.transaction(async (trx) => {
      await lockConversation(trx, reply.accountId, reply.conversationId);
      const ended = await storeEnding(trx, reply, ending);
      if (background.isDraining) return { next: undefined, events: ended };
      const { next, events } = await startNext(trx, reply, { at: ending.completedAt, nodeId: node.id });
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
 * A token costs one promise: a generator that passes the steps on would cost three, a race with the abort would keep
 * something of each step to the end.
 */
function takeSteps(
  answer: AsyncIterable<AnswerEvent>,
  take: (event: AnswerEvent) => void,
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
        take(value);
        readOn();
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
