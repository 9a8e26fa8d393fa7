// Written by bench/eval/fit-confidence.ts: do not edit.
import type { ConfidenceFeatures } from './confidence-features.ts';

/** The logit of the confidence if all features are 0. */
export const CONFIDENCE_INTERCEPT = -1.432;

/** What a feature adds to the logit of the confidence, times its value. */
export const CONFIDENCE_WEIGHTS: ConfidenceFeatures = {
  score: 3.127,
  entry: 0.948,
  words: 2.287,
  coverage: -0.431,
  unknown: -1.952,
  agreement: 0.458,
  evidence: 4.797,
  length: -0.683,
  lead: 3.495,
  shortness: -0.31,
  corpus: -1.771,
};
