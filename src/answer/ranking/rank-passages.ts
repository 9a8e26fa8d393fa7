import { createEntryReader } from './entry-features.ts';
import { type HeadedCandidate, isInEnglish, type QuestionTerms, readPassageFeatures } from './passage-features.ts';
import { ENGLISH_WEIGHTS, ENTRY_WEIGHTS, PASSAGE_WEIGHTS } from './ranking-weights.ts';

/**
 * A question-answer entry whose question is another one may still answer by its words. It counts less than a passage
 * with the same words, because an entry answers its own question.
 */
const ENTRY_WORDS_WEIGHT = 0.8;

/** The scores of a candidate, each from 0 to 1. */
export interface CandidateScores {
  /** Orders the candidates. */
  readonly score: number;
  /**
   * The score without stop words, whole words and the rest of the page, which a right passage often lacks: it tells how
   * certain a hit is.
   */
  readonly contentScore: number;
}

/** The features that the content score leaves out. */
const NO_CONTENT = { whole: 0, stopWords: 0, page: 0 };

/**
 * Scores the candidates of a search, in their order: a weighted sum of the features of each. The score of a
 * question-answer entry is the similarity of the two questions, or the score of its words if that is higher. The
 * weights, other ones for English because its terms are stems, were found by `bench/eval/fit-ranking.ts`.
 */
export function scoreCandidates(
  question: QuestionTerms,
  candidates: readonly HeadedCandidate[],
  averageLength: number,
): CandidateScores[] {
  const readEntry = createEntryReader(question);
  const weights = isInEnglish(question, candidates) ? ENGLISH_WEIGHTS : PASSAGE_WEIGHTS;
  const contentShare = 1 - weights.whole - weights.stopWords - weights.page;
  return readPassageFeatures(question, candidates, averageLength).map((features, index) => {
    const score = sumFeatures(features, weights);
    const contentScore = sumFeatures({ ...features, ...NO_CONTENT }, weights) / contentShare;
    const candidate = candidates[index];
    if (candidate?.sourceType !== 'QA') return { score, contentScore };
    const entryScore = sumFeatures(readEntry(questionOf(candidate)), ENTRY_WEIGHTS);
    return {
      score: Math.max(entryScore, ENTRY_WORDS_WEIGHT * score),
      contentScore: Math.max(entryScore, ENTRY_WORDS_WEIGHT * contentScore),
    };
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
