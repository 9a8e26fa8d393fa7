import type { Question } from './engine.ts';

/** How far a chatbot's sources are about a question: not, perhaps, plainly. */
export type ConfidenceBand = 'NONE' | 'UNSURE' | 'SURE';

/**
 * Below this confidence the sources are held not to answer. On the sample of SQuAD, of questions about its articles and
 * of questions about others are answered: 93 % and 8 % with all 288 passages as one corpus, 88 % and 1 % with one
 * article as the corpus, 89 % and 0.2 % with one paragraph. (0.28: 86 % and 3 %, 76 % and 0.2 %, 78 % and 0 %.)
 */
const MIN_CONFIDENCE = 0.22;

/**
 * From here on they plainly are: 78 % and 0 % of the same questions with all passages, 69 % and 0.1 % with one article,
 * 71 % and 0 % with one paragraph. With all passages the quotes hold the right answer for 92 % of the questions above,
 * and for 69 % of those between, where 16 % of the questions lie and all those of other articles that are answered.
 */
const MIN_CERTAINTY = 0.32;

/** Where a retrieval's confidence lies. */
export function bandOf(confidence: number): ConfidenceBand {
  if (confidence < MIN_CONFIDENCE) return 'NONE';
  return confidence < MIN_CERTAINTY ? 'UNSURE' : 'SURE';
}

/**
 * Whether a model is to be asked at all; if not, the fallback message is the answer. One that has tools is: that a
 * visitor wants to talk to a person stands in no source.
 */
export function shouldAskModel({ answering, tools, retrieval }: Question): boolean {
  return answering.grounding === 'OPEN' || tools.length > 0 || bandOf(retrieval.confidence) !== 'NONE';
}
