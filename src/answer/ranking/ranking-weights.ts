// Written by bench/eval/fit-ranking.ts: do not edit.
import type { EntryFeatures } from './entry-features.ts';
import type { PassageFeatures } from './passage-features.ts';

/** The weights of the features of a passage; their sum is 1. */
export const PASSAGE_WEIGHTS: PassageFeatures = {
  words: 0.193,
  nearness: 0.173,
  headings: 0.082,
  spelling: 0.282,
  sequence: 0.16,
  page: 0.111,
};

/** The weights of the features of a question-answer entry; their sum is 1. */
export const ENTRY_WEIGHTS: EntryFeatures = {
  coverage: 0.231,
  likeness: 0.319,
  letters: 0.449,
};
