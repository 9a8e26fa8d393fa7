import { stemmer } from 'stemmer';
import { normalizeText } from '../text.ts';
import { STOP_WORDS } from './stop-words.ts';

/**
 * The version of the rules by which texts become terms. After an update that changes a term of any text, raise it: the
 * gateway then indexes all passages again.
 */
export const TERMS_VERSION = 1;

/** The maximum number of words of a search; it ignores further words, so that a hostile question stays cheap. */
export const MAX_QUERY_WORDS = 32;

/**
 * The maximum length of a term in UTF-16 units. Real words are shorter; longer words are truncated, in the index and in
 * questions.
 */
const MAX_TERM_LENGTH = 64;

/** A run of characters of words. */
export const WORD_RUN = /[\p{L}\p{M}\p{N}]+/gu;

/**
 * The marks that terms omit: accents of European scripts, Hebrew points, Arabic vowels and the Arabic tatweel. Terms
 * keep the marks of other scripts, because these marks carry meaning.
 */
export const DIACRITICS = /[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u065f\u0670]+/g;

/** Scripts without spaces between words: only a dictionary can split their texts into words. */
const UNSPACED_SCRIPT =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;

const STEMMABLE = /^[a-z]{3,}$/;

const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/**
 * The terms of a text in order, repetitions included. Indexing, searching and scoring all use this function, in every
 * language and database. A term contains letters, marks and digits only, in lower case, without accents. Words of three
 * or more ASCII letters are stemmed. Punctuation always separates, so `Newton's` becomes `newton` and `s`.
 */
export function toTerms(text: string): string[] {
  return toWords(text).map(toTerm);
}

/**
 * The distinct terms of a text without stop words, in the order of their first occurrence. Empty for a text without
 * content words ("Why is that?").
 */
export function toContentTerms(text: string): string[] {
  return [...new Set(toWords(text).filter(isContentWord).map(toTerm))];
}

/** A word of a question. A text contains the word if it contains one of its terms. */
export interface QueryWord {
  /** The word in lower case, without accents. */
  readonly text: string;
  /** The index terms of the word, the most likely one first; never empty. */
  readonly terms: readonly string[];
}

/**
 * The words to search for: the question's distinct words without stop words, in order, at most `MAX_QUERY_WORDS`. If
 * all words of the question are stop words, the result contains them. Empty for a question without words.
 */
export function toQueryWords(question: string): QueryWord[] {
  const words = toWords(question);
  const content = words.filter(isContentWord);
  const distinct = new Map<string, QueryWord>();
  for (const text of content.length > 0 ? content : words) {
    const term = toTerm(text);
    if (!distinct.has(term)) distinct.set(term, { text, terms: [term] });
    if (distinct.size === MAX_QUERY_WORDS) break;
  }
  return [...distinct.values()];
}

/** The index terms that a word may have, depending on the language of its text. `word` is the text of a `QueryWord`. */
export function toWordTerms(word: string): string[] {
  return [toTerm(word)];
}

function isContentWord(word: string): boolean {
  return !STOP_WORDS.has(word);
}

function toWords(text: string): string[] {
  const folded = normalizeText(normalizeText(text, 'NFKD').replace(DIACRITICS, '').toLowerCase(), 'NFC');
  const words = (folded.match(WORD_RUN) ?? []).flatMap((run) => (UNSPACED_SCRIPT.test(run) ? segment(run) : run));
  return words.map(truncateWord);
}

function segment(run: string): string[] {
  return Array.from(segmenter.segment(run), ({ segment }) => segment);
}

/** Truncates a word to the maximum length of a term. */
export function truncateWord(word: string): string {
  return word.length <= MAX_TERM_LENGTH ? word : word.slice(0, MAX_TERM_LENGTH).replace(/[\ud800-\udbff]$/, '');
}

function toTerm(word: string): string {
  return STEMMABLE.test(word) ? stemmer(word) : word;
}
