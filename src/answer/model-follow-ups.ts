import type { Models } from '../models/model-call.ts';
import type { Answer, Question, Suggestions } from './engine.ts';
import { composeFollowUpPrompt, listUserQuestions, readFollowUps, suggestFromSources } from './follow-ups.ts';
import { estimateMessageTokens } from './tokens.ts';
import { estimateUsage } from './usage.ts';

/** Enough for three questions, and for the reasoning before them. */
const MAX_OUTPUT_TOKENS = 1_000;

/** Lets the model that answered suggest follow-up questions; if it finds none, suggests questions from the sources. */
export async function suggestByModel(
  models: Models,
  question: Question,
  { content, citations }: Answer,
  signal: AbortSignal,
): Promise<Suggestions> {
  const messages = composeFollowUpPrompt(question, content);
  const call = { accountId: question.accountId, ...question.author, messages, maxOutputTokens: MAX_OUTPUT_TOKENS };
  const stream = await models.open(call, signal);
  try {
    let written = '';
    let thoughts = '';
    while (true) {
      const step = await stream.next();
      if (step.type === 'text') written += step.text;
      if (step.type === 'reasoning') thoughts += step.text;
      if (step.type !== 'finish') continue;
      const found = readFollowUps(written, listUserQuestions(question));
      const cited = citations.map(({ passageId }) => passageId);
      return {
        questions: found.length > 0 ? found : suggestFromSources(question, cited),
        usage: step.usage ?? estimateUsage(estimateMessageTokens(messages), written, thoughts),
      };
    }
  } finally {
    stream.close();
  }
}
