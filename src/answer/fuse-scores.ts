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
 * visitors put a question in other words; in a long text the words of a question are more telling. Measured with a small
 * model on banking77 and SQuAD: fusing ranks instead of scores lowers R@1 of SQuAD from 79 to 62 %.
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
