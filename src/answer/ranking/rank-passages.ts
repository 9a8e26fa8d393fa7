import { createEntryReader } from './entry-features.ts';
import { type HeadedCandidate, type QuestionTerms, readPassageFeatures } from './passage-features.ts';
import { ENTRY_WEIGHTS, PASSAGE_WEIGHTS } from './ranking-weights.ts';

/**
 * A question-answer entry whose question is another one may still answer by its words. It counts less than a passage
 * with the same words, because an entry answers its own question.
 */
const ENTRY_WORDS_WEIGHT = 0.8;

/**
 * Scores the candidates of a search, in their order, from 0 to 1: a weighted sum of the features of each. The score of a
 * question-answer entry is the similarity of the two questions, or the score of its words if that is higher. The
 * weights were found by `bench/eval/fit-ranking.ts`.
 */
export function scoreCandidates(
  question: QuestionTerms,
  candidates: readonly HeadedCandidate[],
  averageLength: number,
): number[] {
  const readEntry = createEntryReader(question);
  return readPassageFeatures(question, candidates, averageLength).map((features, index) => {
    const score = sumFeatures(features, PASSAGE_WEIGHTS);
    const candidate = candidates[index];
    if (candidate?.sourceType !== 'QA') return score;
    return Math.max(sumFeatures(readEntry(questionOf(candidate)), ENTRY_WEIGHTS), ENTRY_WORDS_WEIGHT * score);
  });
}

/** Returns the question of an entry, which is the heading of its passage; its title may be another text. */
export function questionOf({ passage, title }: HeadedCandidate): string {
  return passage.headingPath.join(' ') || title;
}

function sumFeatures<T extends { readonly [name in keyof T]: number }>(features: T, weights: T): number {
  let sum = 0;
  for (const name in weights) sum += weights[name] * features[name];
  return sum;
}
