// Written by bench/eval/fit-ranking.ts: do not edit.
import type { EntryFeatures } from './entry-features.ts';
import type { PassageFeatures } from './passage-features.ts';

/** The weights of the features of an English passage; their sum is 1. */
export const ENGLISH_WEIGHTS: PassageFeatures = {
  words: 0.182,
  nearness: 0.172,
  headings: 0.101,
  spelling: 0.207,
  whole: 0.0,
  stopWords: 0.094,
  sequence: 0.166,
  page: 0.077,
};

/** The weights of the features of a passage in another language; their sum is 1. */
export const PASSAGE_WEIGHTS: PassageFeatures = {
  words: 0.22,
  nearness: 0.128,
  headings: 0.012,
  spelling: 0.168,
  whole: 0.154,
  stopWords: 0.091,
  sequence: 0.107,
  page: 0.119,
};

/** The weights of the features of a question-answer entry; their sum is 1. */
export const ENTRY_WEIGHTS: EntryFeatures = {
  coverage: 0.229,
  likeness: 0.352,
  letters: 0.42,
};
