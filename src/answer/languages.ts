import { countStopWords } from '../domain/language/stop-words.ts';
import { toWords } from '../domain/language/words.ts';
import { normalizeText } from '../domain/text.ts';

/** The features of a text that show its language. */
export interface Language {
  /** The script of most letters; Chinese and Japanese count as one. Undefined without letters. */
  readonly script: string | undefined;
  /** The language whose stop words the text contains, such as `de`; undefined if no language clearly matches. */
  readonly language: string | undefined;
  /** The letters of each word, without the letters a to z. */
  readonly accentedLetters: readonly string[];
}

/** A language matches if at least `MIN_SHARE` of the words are its stop words, and `MIN_LEAD` more than of any other. */
const MIN_SHARE = 0.15;
const MIN_LEAD = 2;

/** Two languages differ if this share of the words of one text contains accented letters that the other text lacks. */
const ACCENTED_SHARE = 0.15;

/** The maximum number of words that are read; reading more does not improve the result. */
const MAX_WORDS = 400;

/** Reads the script, the stop words and the accented letters of a text. */
export function readLanguage(text: string): Language {
  const words = (
    normalizeText(text, 'NFC')
      .toLowerCase()
      .match(/\p{L}[\p{L}\p{M}]*/gu) ?? []
  ).slice(0, MAX_WORDS);
  const counts = countStopWords(
    toWords(text)
      .slice(0, MAX_WORDS)
      .map(({ accented }) => accented),
  );
  const [best, second] = [...counts].toSorted(([, a], [, b]) => b - a);
  const bestCount = best?.[1] ?? 0;
  const isClear = bestCount >= (second?.[1] ?? 0) + MIN_LEAD && bestCount >= MIN_SHARE * words.length;
  return {
    script: scriptOf(words.join('')),
    language: isClear ? best?.[0] : undefined,
    accentedLetters: words.map((word) => word.replace(/[a-z]/g, '')),
  };
}

/**
 * Whether two texts are clearly in different languages: their scripts differ, or, in Latin script, their stop words
 * do. If a text matches no language, many words of one text must contain letters that the other text never uses.
 * Closely related languages, such as Spanish and Italian, count as the same language.
 */
export function differInLanguage(a: Language, b: Language): boolean {
  if (a.script === undefined || b.script === undefined) return false;
  if (a.script !== b.script) return true;
  if (a.script !== 'latin') return false;
  if (a.language !== undefined && b.language !== undefined) return a.language !== b.language;
  return hasForeignLetters(a, b) || hasForeignLetters(b, a);
}

function hasForeignLetters({ accentedLetters }: Language, other: Language): boolean {
  const otherLetters = new Set(other.accentedLetters.join(''));
  const foreignWords = accentedLetters.filter((letters) => [...letters].some((letter) => !otherLetters.has(letter)));
  return foreignWords.length >= ACCENTED_SHARE * accentedLetters.length;
}

function scriptOf(letters: string): string | undefined {
  const counts = new Map<string, number>();
  for (const letter of letters) {
    const script = nameScript(letter.codePointAt(0) ?? 0);
    counts.set(script, (counts.get(script) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** Names a code point's script. From U+0370 on, every 256 code points count as one script, except in East Asia. */
function nameScript(code: number): string {
  if (code < 0x370 || (code >= 0x1e00 && code < 0x1f00)) return 'latin';
  if (code >= 0xac00 && code < 0xd800) return 'korean';
  return code >= 0x2e80 && code < 0xac00 ? 'han' : String(code >> 8);
}
