import type { WeightedWord } from '../score-passage.ts';

/** The share of the words' weights, each multiplied by `measure`; 0 without words. */
export function shareOf(
  words: readonly WeightedWord[],
  measure: (word: WeightedWord, index: number) => number,
): number {
  const found = words.reduce((sum, word, index) => sum + word.weight * measure(word, index), 0);
  return found / Math.max(sumWeights(words), Number.MIN_VALUE);
}

/** The sum of the weights of some words. */
export function sumWeights(words: readonly WeightedWord[]): number {
  return words.reduce((sum, { weight }) => sum + weight, 0);
}
