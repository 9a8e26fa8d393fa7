import { listKoreanVariants } from './korean.ts';
import { toEnglishStem, toStem } from './stems.ts';
import { countStopWords, createStopWordTest } from './stop-words.ts';
import { listInnerParts, listKanji, toHead } from './word-parts.ts';
import { type FoldedWord, toWords } from './words.ts';

/**
 * The version of the rules by which texts become terms. After an update that changes a term of any text, raise it: the
 * gateway then indexes all passages again.
 */
export const TERMS_VERSION = 4;

/** The maximum number of words of a search; it ignores further words, so that a hostile question stays cheap. */
export const MAX_QUERY_WORDS = 32;

/** The number of words by which the language of a text is recognised. */
const MAX_READ_WORDS = 400;

/** The least length of a word of a question that may be a compound; the ends of shorter words are endings. */
const MIN_COMPOUND_LENGTH = 10;

const KANA = /[\p{Script=Hiragana}\p{Script=Katakana}]/u;
const LATIN = /^\p{Script=Latin}/u;

/** Begins the terms of Latin words that are not English: the first letters of one may be the stem of an English word. */
const LATIN_MARK = '~';
/** Begins the terms for parts of words. */
const PART_MARK = '+';

/** A word of a question. A text contains the word if it contains one of its terms. */
export interface QueryWord {
  /** The word in lower case, without accents. */
  readonly text: string;
  /** The index terms of the word in the languages it may be of, the most likely one first; never empty. */
  readonly terms: readonly string[];
  /**
   * Parts of the word, each as the index terms of texts that contain it. A text with a related word, such as a compound,
   * contains some of them. Absent if there are none.
   */
  readonly parts?: readonly (readonly string[])[];
}

/**
 * The terms of the words of a text in order, repetitions included: letters, marks and digits in lower case, without
 * accents. Of the words of an English text it is the stem; of others the first letters, in Latin script after a `~`.
 */
export function toTerms(text: string): string[] {
  const words = toWords(text);
  return words.map(createTermOf(words, true));
}

/**
 * The terms by which an index finds a text: those of its words in order, repetitions included, then those of parts of
 * words, distinct. `countWords` tells where the parts begin. English texts have no parts.
 */
export function toIndexTerms(text: string): string[] {
  const words = toWords(text);
  const terms = words.map(createTermOf(words, false));
  if (isEnglishText(words, false)) return terms;
  const isJapanese = KANA.test(text);
  const parts = new Set<string>();
  for (const { text: word, accented } of words)
    for (const part of accented === word ? listParts(word, isJapanese) : [word]) parts.add(part);
  return [...terms, ...Array.from(parts, (part) => PART_MARK + part)];
}

function listParts(word: string, isJapanese: boolean): string[] {
  const stem = toStem(word);
  const head = toHead(stem);
  return [...(head === stem ? [] : [head]), ...listInnerParts(word), ...(isJapanese ? listKanji(word) : [])];
}

/** The number of terms of `toIndexTerms` that are those of words. */
export function countWords(indexTerms: readonly string[]): number {
  let count = indexTerms.length;
  while (indexTerms[count - 1]?.startsWith(PART_MARK)) count -= 1;
  return count;
}

/**
 * The distinct terms of a text without stop words, in the order of their first occurrence. Empty for a text without
 * content words ("Why is that?").
 */
export function toContentTerms(text: string): string[] {
  const words = toWords(text);
  const isStopWord = createStopWordTest(words.map(({ accented }) => accented));
  const content = words.filter(({ accented }) => !isStopWord(accented));
  return [...new Set(content.map(createTermOf(words, true)))];
}

/**
 * The words to search for: the question's distinct words without stop words, in order, at most `MAX_QUERY_WORDS`. If
 * all words of the question are stop words, the result contains them. Empty for a question without words.
 */
export function toQueryWords(question: string): QueryWord[] {
  const words = toWords(question);
  const isStopWord = createStopWordTest(words.map(({ accented }) => accented));
  const content = words.filter(({ accented }) => !isStopWord(accented));
  const isEnglish = isEnglishText(words, false);
  const distinct = new Map<string, QueryWord>();
  for (const word of content.length > 0 ? content : words) {
    const queryWord = toQueryWord(word, isEnglish);
    const [term = ''] = queryWord.terms;
    if (!distinct.has(term)) distinct.set(term, queryWord);
    if (distinct.size === MAX_QUERY_WORDS) break;
  }
  return [...distinct.values()];
}

/** The index terms that a word may have, depending on the language of its text. `word` is the text of a `QueryWord`. */
export function toWordTerms(word: string): string[] {
  return [...new Set([toEnglishStem(word), toTermOf(word, toStem(word)), ...listKoreanVariants(word)])];
}

/** A question is too short to tell its language: the terms are those of a word of each language. */
function toQueryWord({ text, accented }: FoldedWord, isEnglish: boolean): QueryWord {
  if (accented !== text) return { text, terms: [accented], parts: [[PART_MARK + text]] };
  const stem = toStem(text);
  const terms = toWordTerms(text);
  if (isEnglish) return { text, terms };
  const head = toHead(stem);
  const inner = LATIN.test(text) && text.length < MIN_COMPOUND_LENGTH ? [] : listInnerParts(text);
  const further = new Set([...inner, ...listKanji(text)]);
  further.delete(head);
  // A Vietnamese text has the whole word as a part, if the question was typed without accents.
  const parts = [[...toPartTerms(head), PART_MARK + text], ...Array.from(further, toPartTerms)];
  return { text, terms, parts };
}

/** The terms of texts with a part of a word: as a part, or as a short word. */
function toPartTerms(part: string): string[] {
  return [PART_MARK + part, toTermOf(part, part)];
}

function createTermOf(words: readonly FoldedWord[], isEnglishByDefault: boolean): (word: FoldedWord) => string {
  if (isEnglishText(words, isEnglishByDefault)) return ({ text }) => toEnglishStem(text);
  return ({ text, accented }) => (text === accented ? toTermOf(text, toStem(text)) : accented);
}

/** The term of a stem in any language but English and Vietnamese. */
function toTermOf(word: string, stem: string): string {
  return LATIN.test(word) ? LATIN_MARK + stem : stem;
}

/**
 * Whether a text is English, by its stop words, each counted once: a short text often repeats its title. Returns
 * `byDefault` if it has none, or one that is not English alone.
 */
function isEnglishText(words: readonly FoldedWord[], byDefault: boolean): boolean {
  const { en = 0, ...others } = Object.fromEntries(
    countStopWords(new Set(words.slice(0, MAX_READ_WORDS).map(({ text }) => text))),
  );
  const most = Math.max(0, ...Object.values(others));
  return en === most && en < 2 ? byDefault : en >= most;
}
