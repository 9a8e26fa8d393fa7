// Written by bench/eval/fit-confidence.ts: do not edit.
import type { ConfidenceFeatures } from './confidence-features.ts';

/** The logit of the confidence if all features are 0. */
export const CONFIDENCE_INTERCEPT = -1.457;

/** What a feature adds to the logit of the confidence, times its value. */
export const CONFIDENCE_WEIGHTS: ConfidenceFeatures = {
  score: 3.222,
  entry: 1.19,
  words: 2.233,
  coverage: -0.593,
  unknown: -2.167,
  agreement: 0.361,
  evidence: 5.03,
  length: -0.705,
  lead: 3.075,
  shortness: -0.083,
  corpus: -1.968,
};
