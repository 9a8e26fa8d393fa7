import type { ConfidenceFeatures } from './confidence-features.ts';
import { CONFIDENCE_INTERCEPT, CONFIDENCE_WEIGHTS } from './confidence-weights.ts';

/**
 * Estimates the probability, 0 to 1, that the best passages answer the question, by a logistic model whose weights
 * `bench/eval/fit-confidence.ts` finds. 0 if no passage was found.
 */
export function estimateConfidence(features: ConfidenceFeatures | undefined): number {
  if (features === undefined) return 0;
  let sum = CONFIDENCE_INTERCEPT;
  for (const [name, weight] of Object.entries(CONFIDENCE_WEIGHTS))
    sum += weight * features[name as keyof ConfidenceFeatures];
  return 1 / (1 + Math.exp(-sum));
}
