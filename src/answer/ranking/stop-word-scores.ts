import { B, inverseDocumentFrequency, K1 } from '../../store/search/bm25.ts';
import type { WeightedWord } from '../score-passage.ts';

/** Added to the sum of the weights by which a score is divided, so that few stop words say less than many. */
const WEIGHTS_BASE = 4;

/** Lists the distinct terms of a question that are not those of its words. */
export function listStopWords(terms: readonly string[], words: readonly WeightedWord[]): string[] {
  const content = new Set(words.flatMap(({ terms }) => terms));
  return [...new Set(terms)].filter((term) => !content.has(term));
}

/**
 * Weighs stop words by the candidates that contain them, because counting them in the whole index would take long.
 * `counts` has the number of occurrences of each of `length` stop words, for each candidate.
 */
export function weighStopWords(length: number, counts: readonly Uint16Array[]): number[] {
  return Array.from({ length }, (_, index) => {
    const matchCount = counts.filter((ofCandidate) => ofCandidate[index]).length;
    return inverseDocumentFrequency(matchCount, counts.length);
  });
}

/** Scores the stop words of a candidate by BM25, 0 to 1. `relativeLength` is its length divided by the average length. */
export function scoreStopWords(counts: Uint16Array, weights: readonly number[], relativeLength: number): number {
  const saturation = K1 * (1 - B + B * relativeLength);
  const score = weights.reduce((sum, weight, index) => {
    const count = counts[index] ?? 0;
    return sum + (weight * count) / (count + saturation);
  }, 0);
  return score / (weights.reduce((sum, weight) => sum + weight, 0) + WEIGHTS_BASE);
}
