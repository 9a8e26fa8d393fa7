import { bandOf } from '../answer/confidence.ts';
import type { Question, Suggestions } from '../answer/engine.ts';
import { retrieve } from '../answer/retrieve.ts';
import { deletionTopic, publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { AnswerFailure } from '../domain/failures.ts';
import { toTimestamp } from '../domain/time.ts';
import { findChatbot } from '../store/chatbots.ts';
import { lockConversation } from '../store/conversations.ts';
import { ANSWER_STEP_MS, retryStep } from '../store/engines/retry.ts';
import { appendEvent } from '../store/events.ts';
import { addUsage, findMessage, setFollowUps } from '../store/messages.ts';
import { countReply } from '../store/usage.ts';
import { recordUsageMetrics } from './generation-state.ts';

const PATIENCE_MS = 20_000;

/**
 * Suggests what the visitor may ask next, in the background, after a reply that cites something, where the chatbot wants
 * that. Only what the sources answer is suggested. A failure is logged and told to nobody: the reply is whole without.
 * @param question what was answered.
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
    const inTime = AbortSignal.any([signal, deletion.signal, AbortSignal.timeout(PATIENCE_MS)]);
    const asking = engine?.suggest?.({ ...question, author: generation }, reply, inTime).finally(deletion.leave);
    const found = await asking?.catch((error: unknown) => {
      if (deletion.signal.aborted) return undefined;
      if (!(error instanceof AnswerFailure)) throw error;
      deps.logger.warn(
        { messageId: reply.id, code: error.code, detail: error.message },
        'no follow-ups were suggested',
      );
      return undefined;
    });
    if (found === undefined) return;
    const retry = { signal, unavailableMs: ANSWER_STEP_MS, brokenMs: 0 };
    const questions = await retryStep(() => selectAnswerable(deps, question, found.questions), retry);
    await retryStep(() => storeSuggestions(deps, reply, { ...found, questions }), retry);
  });
}

/** A signal that aborts when a chatbot is deleted, until it is left. */
function watchDeletion({ db, bus }: Pick<Deps, 'db' | 'bus'>, { accountId, chatbotId }: Question) {
  const deletion = new AbortController();
  const look = async () => {
    if ((await findChatbot(db.read, accountId, chatbotId)) === undefined) deletion.abort();
  };
  // Where that cannot be read, the suggestions end in time anyway.
  const leave = bus.subscribe(deletionTopic(chatbotId), () => void look().catch(() => {}));
  return { signal: deletion.signal, leave };
}

/** The questions that the sources answer. */
async function selectAnswerable(
  { db }: Pick<Deps, 'db'>,
  { accountId, chatbotId }: Question,
  questions: readonly string[],
): Promise<string[]> {
  const answerable: string[] = [];
  for (const text of questions) {
    const { confidence } = await retrieve(db.read, accountId, chatbotId, text, 1);
    if (bandOf(confidence) !== 'NONE') answerable.push(text);
  }
  return answerable;
}

/** Writes what is suggested after a reply, and counts what that took as a part of it; once, however often it is called. */
async function storeSuggestions(
  { db, clock, bus, prices, metrics }: Pick<Deps, 'db' | 'clock' | 'bus' | 'prices' | 'metrics'>,
  reply: Message,
  { usage, questions }: Suggestions,
): Promise<void> {
  const { accountId, conversationId, id: messageId, generation } = reply;
  const at = toTimestamp(clock.now());
  const priceNano = generation && usage && prices.priceOf(generation, usage);
  const events = await db.transaction(async (trx) => {
    const conversation = await lockConversation(trx, accountId, conversationId);
    const stored = await findMessage(trx, accountId, messageId);
    if (conversation === undefined || stored === undefined) return [];
    // Nothing else adds to what a reply took.
    const isCounted = stored.usage?.inputTokens !== reply.usage?.inputTokens;
    if (isCounted || stored.followUps.length > 0) return [];
    const told = { type: 'FollowUpsSuggested', conversationId, messageId, status: 'COMPLETED', at } as const;
    const events = questions.length === 0 ? [] : [await appendEvent(trx, accountId, told)];
    if (questions.length > 0) await setFollowUps(trx, accountId, messageId, questions);
    if (usage !== null) {
      await addUsage(trx, reply, usage, priceNano);
      await countReply(trx, reply, { chatbotId: conversation.chatbotId, messages: 0, usage, priceNano });
    }
    return events;
  });
  if (usage !== null && generation !== null) recordUsageMetrics(metrics, generation.provider, usage, priceNano);
  publishEvents(bus, events);
}
