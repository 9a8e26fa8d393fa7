import { toContentTerms, toTerms } from '../../domain/language/terms.ts';
import type { QuestionTerms } from './passage-features.ts';
import { compareTrigrams, toTrigrams } from './similar-words.ts';
import { shareOf } from './word-shares.ts';

/** The features by which a question is compared with the question of a question-answer entry, each from 0 to 1. */
export interface EntryFeatures {
  /** The share of the question's words, by weight, that the entry's question has. */
  readonly coverage: number;
  /** The share of the content words of both questions that both have: an entry that asks for more is less likely. */
  readonly likeness: number;
  /** The share of the trigrams of all words of both questions, stop words included, that both have. */
  readonly letters: number;
}

/** In terms: the part of a question that is compared, so that a long one stays cheap. */
const MAX_COMPARED_TERMS = 64;

/** Creates a function that reads the features of an entry's question. */
export function createEntryReader({ terms, words }: QuestionTerms): (entryQuestion: string) => EntryFeatures {
  const content = new Set(words.map(({ terms: [term = ''] }) => term));
  const letters = readLetters(terms);
  return (entryQuestion) => {
    const entryTerms = toTerms(entryQuestion);
    const entrySet = new Set(entryTerms);
    const entryContent = toContentTerms(entryQuestion);
    const entryWords = entryContent.length > 0 ? entryContent : [...entrySet];
    const common = words.filter(({ terms }) => terms.some((term) => entryWords.includes(term))).length;
    return {
      coverage: shareOf(words, ({ terms }) => +terms.some((term) => entrySet.has(term))),
      likeness: (2 * common) / Math.max(content.size + entryWords.length, 1),
      letters: compareTrigrams(letters, readLetters(entryTerms)),
    };
  };
}

function readLetters(terms: readonly string[]): Set<number> {
  return new Set(terms.slice(0, MAX_COMPARED_TERMS).flatMap((term) => [...toTrigrams(term)]));
}
