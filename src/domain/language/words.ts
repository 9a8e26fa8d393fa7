import { foldText, foldVietnamese, isVietnamese } from './folding.ts';
import { countStopWords } from './stop-words.ts';

/**
 * The maximum length of a term in UTF-16 units. Real words are shorter; longer words are truncated, in the index and in
 * questions.
 */
const MAX_TERM_LENGTH = 64;

/** A run of characters of words. */
export const WORD_RUN = /[\p{L}\p{M}\p{N}]+/gu;

/** Scripts without spaces between words: only a dictionary can split their texts into words. */
const UNSPACED_SCRIPT =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;

/** In characters: a text up to this length may be a question with few of the letters that only Vietnamese has. */
const MAX_SHORT_TEXT = 300;
/** Letters of Vietnamese, most of which other languages have too. */
const ACCENTED_LETTER = /[àáâãăèéêìíĩòóôõơùúũưýđ]/i;
/** The least number of accented stop words by which a short text counts as Vietnamese. */
const MIN_VIETNAMESE_WORDS = 2;

const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/** A word as terms are made from it. */
export interface FoldedWord {
  /** In lower case, without accents. */
  readonly text: string;
  /** The word with its accents if the text is Vietnamese; else the same as `text`. */
  readonly accented: string;
}

/** Returns the words of a text in order, in every script. A word has letters, marks and digits only. */
export function toWords(text: string): FoldedWord[] {
  const words = splitWords(foldText(text));
  const isCertain = isVietnamese(text);
  const accented = isCertain || mayBeVietnamese(text) ? splitWords(foldVietnamese(text)) : words;
  const isAccented = isCertain || (accented !== words && hasVietnameseStopWords(words, accented));
  return words.map((word, index) => ({ text: word, accented: isAccented ? (accented[index] ?? word) : word }));
}

function mayBeVietnamese(text: string): boolean {
  return text.length <= MAX_SHORT_TEXT && ACCENTED_LETTER.test(text);
}

/** Whether a short text has more stop words of Vietnamese, with accents, than of any other language (`Huihui là gì?`). */
function hasVietnameseStopWords(words: readonly string[], accented: readonly string[]): boolean {
  const isStopWord = accented.map((word) => countStopWords([word]).has('vi'));
  const own = isStopWord.filter((isOne, index) => isOne && accented[index] !== words[index]).length;
  if (own < MIN_VIETNAMESE_WORDS) return false;
  const others = countStopWords(words.filter((_, index) => !isStopWord[index]));
  return isStopWord.filter(Boolean).length > Math.max(0, ...others.values());
}

/** Truncates a word to the maximum length of a term. */
export function truncateWord(word: string): string {
  return word.length <= MAX_TERM_LENGTH ? word : word.slice(0, MAX_TERM_LENGTH).replace(/[\ud800-\udbff]$/, '');
}

/** Splits a folded text into words. */
export function splitWords(folded: string): string[] {
  return (folded.match(WORD_RUN) ?? []).flatMap((run) =>
    UNSPACED_SCRIPT.test(run) ? segment(run) : truncateWord(run),
  );
}

function segment(run: string): string[] {
  return Array.from(segmenter.segment(run), ({ segment }) => truncateWord(segment));
}
