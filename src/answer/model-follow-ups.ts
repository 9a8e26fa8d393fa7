import type { Models } from '../models/model-types.ts';
import type { Answer, Question, Suggestions } from './engine.ts';
import { composeFollowUpPrompt, listUserQuestions, readFollowUps, suggestFromSources } from './follow-ups.ts';
import { estimateMessageTokens } from './tokens.ts';
import { estimateUsage } from './usage.ts';

/** Enough for three questions, and for the reasoning before them. */
const MAX_OUTPUT_TOKENS = 1_000;

/** Asks the model that answered for follow-up questions; if it suggests none, takes questions from the sources. */
export async function suggestWithModel(
  models: Models,
  question: Question,
  { content, citations }: Answer,
  signal: AbortSignal,
): Promise<Suggestions> {
  const messages = composeFollowUpPrompt(question, content);
  const { accountId, answeringModel } = question;
  const call = { accountId, ...answeringModel, messages, maxOutputTokens: MAX_OUTPUT_TOKENS };
  const stream = await models.open(call, signal);
  try {
    let text = '';
    let reasoning = '';
    while (true) {
      const step = await stream.next();
      if (step.type === 'text') text += step.text;
      if (step.type === 'reasoning') reasoning += step.text;
      if (step.type !== 'finish') continue;
      const suggested = readFollowUps(text, listUserQuestions(question));
      const cited = citations.map(({ passageId }) => passageId);
      return {
        questions: suggested.length > 0 ? suggested : suggestFromSources(question, cited),
        usage: step.usage ?? estimateUsage(estimateMessageTokens(messages), text, reasoning),
      };
    }
  } finally {
    stream.close();
  }
}
