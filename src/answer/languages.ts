import { STOP_WORD_LISTS } from '../domain/stop-words.ts';
import { normalizeText } from '../domain/text.ts';

/** What a language shows itself by, of some text. */
export interface Language {
  /** The script of most letters; Chinese and Japanese are one. Undefined without letters. */
  readonly script: string | undefined;
  /** Which list of stop words it is written in; undefined where that is not plain. */
  readonly list: number | undefined;
  /** The letters of its words that are not plain ASCII, one text for each word. */
  readonly accents: readonly string[];
}

/** So many of a text's words are stop words of its language, and two more than there are of any other. */
const MIN_SHARE = 0.15;
const MIN_LEAD = 2;

/** So many of a text's words hold accented letters that are its language's own, where it has some. */
const ACCENTED_SHARE = 0.15;

/** In words: a longer text tells no more. */
const MAX_WORDS = 400;

/** Looks at the script, the stop words and the letters of a text. */
export function readLanguage(text: string): Language {
  const words = (
    normalizeText(text, 'NFC')
      .toLowerCase()
      .match(/\p{L}[\p{L}\p{M}]*/gu) ?? []
  ).slice(0, MAX_WORDS);
  const folded = words.map((word) => normalizeText(word, 'NFKD').replace(/\p{M}/gu, ''));
  const hits = STOP_WORD_LISTS.map((list) => folded.filter((word) => list.has(word)).length);
  const [most = 0, second = 0] = hits.toSorted((a, b) => b - a);
  const isPlain = most >= second + MIN_LEAD && most >= MIN_SHARE * words.length;
  return {
    script: scriptOf(words.join('')),
    list: isPlain ? hits.indexOf(most) : undefined,
    accents: words.map((word) => word.replace(/[a-z]/g, '')),
  };
}

/**
 * Whether two texts are plainly not in the same language: their scripts differ, or their stop words do, or, where one
 * has too few of those, many words of one hold letters that the other never uses. Close relatives, such as Spanish and
 * Italian, count as the same.
 */
export function differInLanguage(a: Language, b: Language): boolean {
  if (a.script === undefined || b.script === undefined) return false;
  if (a.script !== b.script) return true;
  if (a.script !== 'latin') return false;
  if (a.list !== undefined && b.list !== undefined) return a.list !== b.list;
  return hasForeignLetters(a, b) || hasForeignLetters(b, a);
}

function hasForeignLetters({ accents }: Language, other: Language): boolean {
  const known = new Set(other.accents.join(''));
  const foreign = accents.filter((letters) => [...letters].some((letter) => !known.has(letter)));
  return foreign.length >= ACCENTED_SHARE * accents.length;
}

function scriptOf(letters: string): string | undefined {
  const counts = new Map<string, number>();
  for (const letter of letters) {
    const script = nameScript(letter.codePointAt(0) ?? 0);
    counts.set(script, (counts.get(script) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** Letters from U+0370 come in blocks of 256, one script each, but for the large ones of East Asia. */
function nameScript(code: number): string {
  if (code < 0x370 || (code >= 0x1e00 && code < 0x1f00)) return 'latin';
  if (code >= 0xac00 && code < 0xd800) return 'korean';
  return code >= 0x2e80 && code < 0xac00 ? 'han' : String(code >> 8);
}
