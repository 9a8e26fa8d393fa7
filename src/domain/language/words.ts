import { foldText, foldVietnamese, isVietnamese } from './folding.ts';

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
  if (!isVietnamese(text)) return words.map((word) => ({ text: word, accented: word }));
  const accented = splitWords(foldVietnamese(text));
  return words.map((word, index) => ({ text: word, accented: accented[index] ?? word }));
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
