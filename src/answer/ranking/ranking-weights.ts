// Written by bench/eval/fit-ranking.ts: do not edit.
import type { EntryFeatures } from './entry-features.ts';
import type { PassageFeatures } from './passage-features.ts';

/** The weights of the features of a passage; their sum is 1. */
export const PASSAGE_WEIGHTS: PassageFeatures = {
  words: 0.228,
  nearness: 0.181,
  headings: 0.089,
  spelling: 0.232,
  sequence: 0.171,
  page: 0.098,
};

/** The weights of the features of a question-answer entry; their sum is 1. */
export const ENTRY_WEIGHTS: EntryFeatures = {
  coverage: 0.24,
  likeness: 0.322,
  letters: 0.438,
};
