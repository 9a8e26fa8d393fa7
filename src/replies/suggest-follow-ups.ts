import { toConfidenceBand } from '../answer/confidence.ts';
import type { Question, Suggestions } from '../answer/engine.ts';
import { retrieve } from '../answer/retrieve.ts';
import { deletionTopic, publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { AnswerFailure } from '../domain/failures.ts';
import { toTimestamp } from '../domain/time.ts';
import { findChatbot } from '../store/chatbots.ts';
import { lockConversation } from '../store/conversations.ts';
import { ANSWER_STEP_RETRY_MS, retryStep } from '../store/engines/retry.ts';
import { appendEvent } from '../store/events.ts';
import { addUsage, findMessage, updateMessage } from '../store/messages.ts';
import { addUsageCounts, toUsageCounts } from '../store/usage.ts';
import { recordUsageMetrics } from './generation-state.ts';
import { addReplyUsage } from './reply-budgets.ts';

const TIMEOUT_MS = 20_000;

/**
 * Suggests follow-up questions in the background after a reply with citations, if the chatbot's settings enable this.
 * Only questions that the sources can answer are stored. A failure is logged and does not affect the reply.
 * @param question the question that the reply answers.
 */
export function suggestFollowUps(
  deps: Pick<Deps, 'db' | 'clock' | 'bus' | 'background' | 'engines' | 'prices' | 'metrics' | 'logger'>,
  question: Question,
  reply: Message,
): void {
  const { generation, citations } = reply;
  const engine = generation === null ? undefined : deps.engines.get(generation.provider);
  if (!question.answering.suggestsFollowUps || citations.length === 0 || generation === null) return;
  deps.background.run('suggest follow-ups', async (signal) => {
    const deletion = watchDeletion(deps, question);
    const anySignal = AbortSignal.any([signal, deletion.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const request = engine
      ?.suggest?.({ ...question, answeringModel: generation }, reply, anySignal)
      .finally(deletion.unsubscribe);
    const suggestions = await request?.catch((error: unknown) => {
      if (deletion.signal.aborted) return undefined;
      if (!(error instanceof AnswerFailure)) throw error;
      deps.logger.warn(
        { messageId: reply.id, code: error.code, detail: error.message },
        'cannot suggest follow-up questions',
      );
      return undefined;
    });
    if (suggestions === undefined) return;
    const retryOptions = { signal, unavailableRetryMs: ANSWER_STEP_RETRY_MS, otherErrorRetryMs: 0 };
    const questions = await retryStep(() => selectAnswerable(deps, question, suggestions.questions), retryOptions);
    await retryStep(() => storeSuggestions(deps, reply, { ...suggestions, questions }), retryOptions);
  });
}

/** Creates a signal that aborts when the chatbot is deleted. */
function watchDeletion({ db, bus }: Pick<Deps, 'db' | 'bus'>, { accountId, chatbotId }: Question) {
  const deletion = new AbortController();
  const check = async () => {
    if ((await findChatbot(db.read, accountId, chatbotId)) === undefined) deletion.abort();
  };
  // If the database is unavailable, the timeout ends the suggestions.
  const unsubscribe = bus.subscribe(deletionTopic(chatbotId), () => void check().catch(() => {}));
  return { signal: deletion.signal, unsubscribe };
}

/** Selects the questions that the sources can answer. */
async function selectAnswerable(
  { db }: Pick<Deps, 'db'>,
  { accountId, chatbotId }: Question,
  questions: readonly string[],
): Promise<string[]> {
  const answerableQuestions: string[] = [];
  for (const text of questions) {
    const { confidence } = await retrieve(db.read, accountId, chatbotId, text, 1);
    if (toConfidenceBand(confidence) === 'SURE') answerableQuestions.push(text);
  }
  return answerableQuestions;
}

/** Stores the suggestions of a reply, and adds their usage to it. Repeated calls have no further effect. */
async function storeSuggestions(
  { db, clock, bus, prices, metrics }: Pick<Deps, 'db' | 'clock' | 'bus' | 'prices' | 'metrics'>,
  reply: Message,
  { usage, questions }: Suggestions,
): Promise<void> {
  const { accountId, conversationId, id: messageId, generation } = reply;
  const at = toTimestamp(clock.now());
  const priceNano = generation && usage && prices.calculatePrice(generation, usage);
  const events = await db.transaction(async (trx) => {
    const conversation = await lockConversation(trx, accountId, conversationId);
    const stored = await findMessage(trx, accountId, messageId);
    if (conversation === undefined || stored === undefined) return [];
    // Only this function adds to the usage of a finished reply, so a difference shows that it has already run.
    const isCounted = stored.usage?.inputTokens !== reply.usage?.inputTokens;
    if (isCounted || stored.followUps.length > 0) return [];
    const suggested = { type: 'FollowUpsSuggested', conversationId, messageId, status: 'COMPLETED', at } as const;
    if (usage !== null) await addReplyUsage(trx, reply, [{ usage, priceNano }]);
    const events = questions.length === 0 ? [] : [await appendEvent(trx, accountId, suggested)];
    if (questions.length > 0) await updateMessage(trx, reply, { followUps: questions }, at);
    if (usage !== null) {
      await addUsage(trx, reply, usage, priceNano);
      await addUsageCounts(trx, reply, conversation.chatbotId, toUsageCounts(usage, { messages: 0, priceNano }));
    }
    return events;
  });
  if (usage !== null && generation !== null) recordUsageMetrics(metrics, generation.provider, usage, priceNano);
  publishEvents(bus, events);
}
