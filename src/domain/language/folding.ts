import { normalizeText } from '../text.ts';

/**
 * The marks that terms omit: accents of European scripts, Hebrew points, Arabic vowels and the Arabic tatweel. Terms
 * keep the marks of other scripts, because these marks carry meaning.
 */
export const DIACRITICS = /[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u065f\u0670]+/g;

/** A word that a hyphen divides at the end of a line. Only small letters: `Server-\nFarm` has a hyphen of its own. */
const DIVIDED_WORD = /([\p{Ll}\p{M}])[-\u2010]\r?\n[ \t]{0,20}(?=\p{Ll})/gu;

/** Soft hyphens and word joiners, which stand inside of words. */
const INVISIBLE = /[\u00ad\u2060\ufeff]+/g;

/** Letters that several keyboards or spellings write differently, in the form that terms have. */
const LETTERS = new Map<string, string>([
  ...Object.entries({ ß: 'ss', ı: 'i', đ: 'd', ł: 'l', ø: 'o', æ: 'ae', œ: 'oe', ð: 'd', þ: 'th', ς: 'σ' }),
  // Persian and Urdu keyboards have letters of their own for Arabic ones, and Arabic texts vary their endings.
  ...Object.entries({ ک: 'ك', ی: 'ي', ہ: 'ه', ٱ: 'ا' }),
]);
const LETTER = /[ßıđłøæœðþςکیہٱ]/g;

/** The zeros of scripts with digits of their own: Arabic, Persian, those of India, Thai, Lao, Burmese, Khmer. */
const ZEROS = [
  0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0x1040, 0x17e0,
];
const DIGITS = new Map(
  ZEROS.flatMap((zero) => Array.from('0123456789', (digit, value) => [String.fromCharCode(zero + value), digit])),
);
const FOREIGN_DIGIT = /[^\P{Nd}0-9]/gu;

/** The English genitive, and the short forms `not`, `have`, `are`, `will`, `would` and `am` have after an apostrophe. */
const ENGLISH_ENDING = /([\p{L}\p{M}])['’](?:s|t|ve|re|ll|d|m)(?![\p{L}\p{M}\p{N}'’])/gu;
/** Articles, pronouns and conjunctions before an apostrophe in French, Italian and Catalan, such as `l'eau`. */
const ELISION =
  /(?<![\p{L}\p{M}\p{N}'’])(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu|dell|nell|all|dall|sull|coll|quell|bell|un|gl)['’](?=\p{L})/gu;

/** Letters that only Vietnamese has: with two marks, a hook, a horn or a dot below. */
const VIETNAMESE_LETTER = /[ơưảạấầẩẫậắằẳẵặẻẽẹếềểễệỉịỏọốồổỗộớờởỡợủũụứừửữựỳỷỹỵ]/giu;
/** The least share of the words of a Vietnamese text that have such a letter; measured: 0.5 to 0.7. */
const MIN_VIETNAMESE_SHARE = 0.2;

/**
 * Makes texts comparable that only differ in how they are written: lower case, without accents, full width, ligatures,
 * soft hyphens and divisions at the end of a line, with the digits 0 to 9 and one form of each letter (`ß` is `ss`).
 * Omits what an apostrophe attaches to a word: `l'eau` and `Newton's` are `eau` and `newton`. Takes linear time.
 */
export function foldText(text: string): string {
  return fold(normalizeText(text, 'NFKD').replace(DIACRITICS, ''));
}

/** The same as `foldText` with accents, which tell Vietnamese words from each other. */
export function foldVietnamese(text: string): string {
  return fold(normalizeText(text, 'NFKD'));
}

/** Whether a text is Vietnamese, by the share of its words with a letter that only Vietnamese has. */
export function isVietnamese(text: string): boolean {
  const composed = normalizeText(text.slice(0, 2_000), 'NFC');
  const letters = composed.match(VIETNAMESE_LETTER)?.length ?? 0;
  return letters > 0 && letters >= MIN_VIETNAMESE_SHARE * composed.split(/\s+/u).length;
}

function fold(decomposed: string): string {
  const joined = decomposed.replace(INVISIBLE, '').replace(DIVIDED_WORD, '$1').toLowerCase();
  const plain = joined
    .replace(LETTER, (letter) => LETTERS.get(letter) ?? letter)
    .replace(FOREIGN_DIGIT, (digit) => DIGITS.get(digit) ?? digit)
    .replace(ENGLISH_ENDING, '$1')
    .replace(ELISION, ' ');
  return normalizeText(plain, 'NFC');
}
