import { stemmer } from 'stemmer';
import { normalizeText } from '../text.ts';
import { STOP_WORDS } from './stop-words.ts';

/**
 * The maximum number of terms of a search; the search ignores further terms, so that a hostile question stays cheap.
 */
export const MAX_QUERY_TERMS = 32;

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

/**
 * The search terms of a question: its distinct terms without stop words, at most `MAX_QUERY_TERMS`. If all words of the
 * question are stop words, the result contains them. Empty for a question without words.
 */
export function toQueryTerms(question: string): string[] {
  const words = toWords(question);
  const content = words.filter(isContentWord);
  return [...new Set((content.length > 0 ? content : words).map(toTerm))].slice(0, MAX_QUERY_TERMS);
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
