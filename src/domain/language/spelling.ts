/** A spelling near a word. */
export interface Spelling {
  readonly text: string;
  /** How unlikely it is that the word was meant so: 0.4 for a usual slip, 1 for another mistake. */
  readonly cost: number;
}

/**
 * The letters that a mistake may add or put in the place of another, as ranges of code points; the range with the first
 * letter of a word counts. Folded words have no other letters. Mistakes in further scripts are only found where letters
 * are swapped or one is too many.
 */
const ALPHABETS: readonly (readonly [first: number, last: number])[] = [
  [0x61, 0x7a], // Latin
  [0x3b1, 0x3c9], // Greek
  [0x430, 0x45f], // Cyrillic
  [0x561, 0x586], // Armenian
  [0x5d0, 0x5ea], // Hebrew
  [0x621, 0x64a], // Arabic
  [0x904, 0x94d], // Devanagari
  [0x10d0, 0x10f0], // Georgian
];

/** A Korean syllable is a code point that is composed of an initial, a vowel and a final, in this order. */
const HANGUL = { first: 0xac00, last: 0xd7a3, vowels: 21, finals: 28 };

/**
 * Unrelated words often differ by one letter, but seldom by two swapped or a doubled one, which are the usual slips; and
 * people seldom mistake the first letter.
 */
const SLIP_COST = 0.4;
const FIRST_LETTER_COST = 0.5;

const UNCORRECTABLE = /\p{N}/u;

/** The length of a word from which on it can be corrected: shorter words have too many neighbours. */
const MIN_LETTERS = 4;
const MIN_SYLLABLES = 2;

/** In letters. A longer word is no word. */
const MAX_LENGTH = 40;

/**
 * Lists all spellings with one mistake less or more: two letters swapped, one too many, one missing, one wrong
 * (Damerau-Levenshtein distance 1), and in a Korean syllable one part wrong. Each spelling comes once, with its least
 * cost. Empty for numbers and for words of less than four letters (in Korean two syllables). About 55 spellings for each letter.
 */
export function listSpellings(word: string): Spelling[] {
  const letters = Array.from(word);
  const minLength = isSyllable(letters[0] ?? '') ? MIN_SYLLABLES : MIN_LETTERS;
  if (UNCORRECTABLE.test(word) || letters.length < minLength || letters.length > MAX_LENGTH) return [];
  const found = new Map<string, number>();
  const add = (at: number, removed: number, inserted: string, cost: number) => {
    const text = letters.slice(0, at).join('') + inserted + letters.slice(at + removed).join('');
    const totalCost = at === 0 ? cost + FIRST_LETTER_COST : cost;
    if (text !== word && totalCost < (found.get(text) ?? Number.POSITIVE_INFINITY)) found.set(text, totalCost);
  };
  const alphabet = alphabetOf(letters[0] ?? '');
  for (const [at, letter] of letters.entries()) {
    const next = letters[at + 1];
    if (next !== undefined) add(at, 2, next + letter, SLIP_COST);
    add(at, 1, '', next === letter ? SLIP_COST : 1);
    add(at, 0, letter, SLIP_COST);
    for (const other of [...alphabet, ...listSyllables(letter)]) add(at, 1, other, 1);
    for (const other of alphabet) add(at, 0, other, 1);
  }
  for (const other of alphabet) add(letters.length, 0, other, 1);
  return Array.from(found, ([text, cost]) => ({ text, cost }));
}

/**
 * The number of mistakes between two words: letters swapped, missing, added or replaced (Damerau-Levenshtein distance,
 * without changes of swapped letters); `limit + 1` if it is more than `limit`.
 */
export function countMistakes(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      current[j] = Math.min(
        (previous[j] as number) + 1,
        (current[j - 1] as number) + 1,
        (previous[j - 1] as number) + (isSame ? 0 : 1),
        isSwapped ? (beforePrevious[j - 2] as number) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    if (Math.min(...current) > limit) return limit + 1;
    beforePrevious = previous;
    previous = current;
  }
  return Math.min(previous[b.length] as number, limit + 1);
}

function alphabetOf(letter: string): string[] {
  const code = letter.codePointAt(0) ?? 0;
  const [first = 0, last = -1] = ALPHABETS.find(([start, end]) => code >= start && code <= end) ?? [];
  return Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index));
}

/** Lists the syllables that differ from a Korean one in its initial, its vowel or its final. */
function listSyllables(letter: string): string[] {
  if (!isSyllable(letter)) return [];
  const { first, vowels, finals } = HANGUL;
  const index = (letter.codePointAt(0) ?? 0) - first;
  const syllablesOfInitial = vowels * finals;
  const final = index % finals;
  const initialAndFinal = index - (index % syllablesOfInitial) + final;
  return [
    ...Array.from({ length: finals }, (_, other) => index - final + other),
    ...Array.from({ length: vowels }, (_, other) => initialAndFinal + other * finals),
    ...Array.from({ length: 19 }, (_, other) => (index % syllablesOfInitial) + other * syllablesOfInitial),
  ].map((other) => String.fromCodePoint(first + other));
}

function isSyllable(letter: string): boolean {
  const code = letter.codePointAt(0) ?? 0;
  return code >= HANGUL.first && code <= HANGUL.last;
}
