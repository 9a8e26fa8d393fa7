import { bandOf } from '../answer/bands.ts';
import type { Question } from '../answer/engine.ts';
import { retrieve } from '../answer/retrieve.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { AnswerFailure } from '../domain/failures.ts';
import { toTimestamp } from '../domain/time.ts';
import type { TokenUsage } from '../domain/usage.ts';
import { findChatbot } from '../store/chatbots.ts';
import { lockConversation } from '../store/conversations.ts';
import { appendEvent } from '../store/events.ts';
import { addUsage, setFollowUps } from '../store/messages.ts';
import { countReply } from '../store/usage.ts';
import { deletionTopic, publishEvents } from './live-answers.ts';
import { countUse } from './run.ts';

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
    const { chatbotId } = question;
    const { accountId, conversationId, id: messageId } = reply;
    await countSuggestions(deps, reply, { chatbotId, usage: found.usage });
    const questions: string[] = [];
    for (const text of found.questions) {
      const { confidence } = await retrieve(deps.db.read, accountId, chatbotId, text, 1);
      if (bandOf(confidence) !== 'NONE') questions.push(text);
    }
    if (questions.length === 0) return;
    const at = toTimestamp(deps.clock.now());
    const told = { type: 'FollowUpsSuggested', conversationId, messageId, status: 'COMPLETED', at } as const;
    const events = await deps.db.transaction(async (trx) => {
      if ((await lockConversation(trx, accountId, conversationId)) === undefined) return [];
      await setFollowUps(trx, accountId, messageId, questions);
      return [await appendEvent(trx, accountId, told)];
    });
    publishEvents(deps.bus, events);
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

/** Counts what the suggestions took as a part of their reply. */
async function countSuggestions(
  { db, prices, metrics }: Pick<Deps, 'db' | 'prices' | 'metrics'>,
  reply: Message,
  { chatbotId, usage }: { chatbotId: string; usage: TokenUsage | null },
): Promise<void> {
  if (usage === null || reply.generation === null) return;
  const priceNano = prices.priceOf(reply.generation, usage);
  countUse(metrics, reply.generation.provider, usage, priceNano);
  await db.transaction(async (trx) => {
    await addUsage(trx, reply, usage, priceNano);
    await countReply(trx, reply, { chatbotId, messages: 0, usage, priceNano });
  });
}
