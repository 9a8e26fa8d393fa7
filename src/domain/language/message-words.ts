import { normalizeText } from '../text.ts';
import { DIACRITICS } from './folding.ts';
import { truncateWord, WORD_RUN } from './words.ts';

/** The text that a person searches for in messages: a message matches if it contains all words and all prefixes. */
export interface TextQuery {
  readonly words: readonly string[];
  /** Beginnings of words. */
  readonly prefixes: readonly string[];
}

/** The maximum number of distinct words of a message that are indexed; Postgres accepts 1 MB of them. */
export const MAX_MESSAGE_WORDS = 4_000;

/**
 * Scripts whose words are not between spaces, and Korean, which adds particles and compounds without spaces. Their texts
 * are indexed by pairs of characters, so any part of a text with two or more characters is found.
 */
const PAIRED_SCRIPTS = ['Han', 'Hiragana', 'Katakana', 'Hangul', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => `\\p{scx=${script}}`)
  .join('');
const PIECES = new RegExp(`[${PAIRED_SCRIPTS}]+|[^${PAIRED_SCRIPTS}]+`, 'gu');
const PAIRED = new RegExp(`^[${PAIRED_SCRIPTS}]`, 'u');

/**
 * Characters that only change how the characters around them look: variation selectors, which emoji and Japanese names
 * have, the frames of keycap emoji, soft hyphens and word joiners. Many keyboards add them, so they make no difference.
 */
const INVISIBLE = /\p{Variation_Selector}|[\u20dd-\u20e0\u20e2-\u20e4]|[\u00ad\u2060\ufeff]/gu;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;

/**
 * The distinct words of a message, at most `MAX_MESSAGE_WORDS`, for the index in which people search. Unlike terms of
 * passages they are not stemmed, because a person finds what they have typed. A word contains letters, marks and digits
 * only, without accents, and without differences of case: `Straße` and `STRASSE` are the same word.
 */
export function toMessageWords(text: string): string[] {
  const words = new Set<string>();
  for (const piece of splitPieces(text)) {
    for (const word of piece.isPaired ? toPairs(piece.text) : [truncateWord(piece.text)]) words.add(word);
    if (words.size >= MAX_MESSAGE_WORDS) break;
  }
  return [...words].slice(0, MAX_MESSAGE_WORDS);
}

/**
 * Parses the text that a person searches for; everything except letters, marks and digits only separates words. The
 * last word may be incomplete. Returns undefined for a text without words.
 */
export function parseTextQuery(text: string): TextQuery | undefined {
  const pieces = [...splitPieces(text)];
  const words = new Set<string>();
  const prefixes = new Set<string>();
  for (const [index, piece] of pieces.entries()) {
    const pairs = piece.isPaired ? toPairs(piece.text) : [];
    // A single character is the beginning of a pair, or the end of a text.
    if (pairs.length === 1) prefixes.add(piece.text);
    else if (piece.isPaired) for (const pair of pairs.slice(0, -1)) words.add(pair);
    else (index === pieces.length - 1 ? prefixes : words).add(truncateWord(piece.text));
  }
  return pieces.length === 0 ? undefined : { words: [...words], prefixes: [...prefixes] };
}

function* splitPieces(text: string): Generator<{ text: string; isPaired: boolean }> {
  for (const [run] of foldText(text).matchAll(WORD_RUN)) {
    if (!LETTER_OR_DIGIT.test(run)) continue;
    for (const [piece] of run.matchAll(PIECES)) yield { text: piece, isPaired: PAIRED.test(piece) };
  }
}

/**
 * Upper case joins what lower case keeps apart: `ß` and `ss`, `ς` and `σ`, `ı` and `i`. Lower case before it, because `ẞ`
 * is an upper case of `ß`.
 */
function foldText(text: string): string {
  const bare = normalizeText(text, 'NFKD').replace(DIACRITICS, '').replace(INVISIBLE, '');
  return normalizeText(bare.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ'), 'NFC');
}

/** All pairs of neighbouring characters, then the last character. */
function toPairs(text: string): string[] {
  const chars = Array.from(text);
  return chars.map((char, index) => char + (chars[index + 1] ?? ''));
}
