import { bandOf } from '../answer/bands.ts';
import type { Question } from '../answer/engine.ts';
import { retrieve } from '../answer/retrieve.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { toTimestamp } from '../domain/time.ts';
import { lockConversation } from '../store/conversations.ts';
import { appendEvent } from '../store/events.ts';
import { setFollowUps } from '../store/messages.ts';
import { countReply } from '../store/usage.ts';
import { publishEvents } from './live-answers.ts';

const PATIENCE_MS = 20_000;

/**
 * Suggests what the visitor may ask next, in the background, after a reply that cites something, where the chatbot wants
 * that. Only what the sources answer is suggested. A failure is logged and told to nobody: the reply is whole without.
 * @param question what was answered.
 */
export function suggestFollowUps(
  deps: Pick<Deps, 'db' | 'clock' | 'bus' | 'background' | 'engines' | 'prices' | 'logger'>,
  question: Question,
  reply: Message,
): void {
  const { generation, citations } = reply;
  const engine = generation === null ? undefined : deps.engines.get(generation.provider);
  if (!question.answering.suggestsFollowUps || citations.length === 0 || generation === null) return;
  deps.background.run('suggest follow-ups', async (signal) => {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const found = await engine?.suggest?.({ ...question, author: generation }, reply, inTime);
    if (found === undefined || signal.aborted) return;
    const { usage } = found;
    const { chatbotId } = question;
    const { accountId, conversationId, id: messageId } = reply;
    const questions: string[] = [];
    for (const text of found.questions) {
      const { confidence } = await retrieve(deps.db.read, accountId, chatbotId, text, 1);
      if (bandOf(confidence) !== 'NONE') questions.push(text);
    }
    const at = toTimestamp(deps.clock.now());
    const told = { type: 'FollowUpsSuggested', conversationId, messageId, status: 'COMPLETED', at } as const;
    const events = await deps.db.transaction(async (trx) => {
      const isThere = (await lockConversation(trx, accountId, conversationId)) !== undefined;
      if (isThere && questions.length > 0) await setFollowUps(trx, accountId, messageId, questions);
      const events = isThere && questions.length > 0 ? [await appendEvent(trx, accountId, told)] : [];
      if (usage !== null) {
        const priceNano = deps.prices.priceOf(generation, usage);
        await countReply(trx, reply, { chatbotId, messages: 0, usage, priceNano });
      }
      return events;
    });
    publishEvents(deps.bus, events);
  });
}
