// Written by bench/eval/fit-confidence.ts: do not edit.
import type { ConfidenceFeatures } from './confidence-features.ts';

/** The logit of the confidence if all features are 0. */
export const CONFIDENCE_INTERCEPT = -1.47;

/** What a feature adds to the logit of the confidence, times its value. */
export const CONFIDENCE_WEIGHTS: ConfidenceFeatures = {
  score: 3.021,
  entry: 1.323,
  words: 2.022,
  coverage: -0.6,
  unknown: -2.157,
  agreement: 0.871,
  evidence: 4.568,
  length: -0.664,
  lead: 3.54,
  shortness: -0.358,
  corpus: -1.67,
};
