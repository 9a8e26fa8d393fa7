/** A passage that was found by words, by meaning, or by both. */
export interface ScoredCandidate {
  /** How well its words match the question, 0 or more; 0 if none does. */
  readonly wordScore: number;
  /** How similar its meaning is to the question, as a cosine; undefined if it has no vector yet. */
  readonly similarity: number | undefined;
  /** Whether it is a question with its answer. */
  readonly isQa: boolean;
}

/**
 * The weight of the similarity beside that of the words, which is 1. Entries of questions and answers are short, and
 * visitors put a question in other words; in a long text the words of a question are more telling. Measured with mean
 * word vectors of 100 numbers, a weak model: banking77 with 10 entries for each intent, R@1 70.9 to 72.1 %, R@5 88.8 to
 * 90.5 %; SQuAD sample, R@1 85.8 to 85.4 %, R@5 95.7 to 96.0 %, and with a weight of 1 R@1 82.3 %.
 */
const DOCUMENT_WEIGHT = 0.2;
const QA_WEIGHT = 1;

/**
 * Combines both scores of each candidate, 0 to 1, in their order: the share of the best word score, and the place of the
 * similarity between the lowest and the highest one, because models differ in the range of theirs. A candidate without a
 * vector is judged by its words alone.
 */
export function fuseScores(candidates: readonly ScoredCandidate[]): number[] {
  const bestWordScore = Math.max(0, ...candidates.map(({ wordScore }) => wordScore));
  const similarities = candidates.flatMap(({ similarity }) => similarity ?? []);
  const [lowest, highest] = [Math.min(...similarities), Math.max(...similarities)];
  return candidates.map(({ wordScore, similarity, isQa }) => {
    const byWords = bestWordScore > 0 ? wordScore / bestWordScore : 0;
    if (similarity === undefined) return byWords;
    const byMeaning = highest > lowest ? (similarity - lowest) / (highest - lowest) : 1;
    const weight = isQa ? QA_WEIGHT : DOCUMENT_WEIGHT;
    return (byWords + weight * byMeaning) / (1 + weight);
  });
}
