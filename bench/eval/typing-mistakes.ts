import { createRandom } from './random.ts';

/** The kinds of typing mistakes: two neighbouring letters swapped, a letter doubled, replaced or dropped. */
export const MISTAKES = ['swapped', 'doubled', 'replaced', 'dropped'] as const;

/** A kind of typing mistake. */
export type Mistake = (typeof MISTAKES)[number];

/** In letters: a shorter word with a mistake is often another word, so that nobody could tell what was meant. */
const MIN_WORD_LENGTH = 5;

/**
 * Words that say nothing about the subject of a question. The list belongs to the measurement and not to the search:
 * otherwise a change of the search's own list would change the mistakes, and figures could not be compared.
 */
const FUNCTION_WORDS = new Set(
  `about after again against already although always among another anyone anything because become became been before
  being below between beyond cannot could does doing done during each either else every everyone everything first from
  getting goes going have having here himself instead into itself just know last like made make making many might more
  most much must myself need neither never other others over please rather really shall should since some somebody
  someone something still such than that their them themselves then there these they thing things this those though
  through together under until upon very want wants were what whatever when where whether which while whom whose will
  with within without would your yours yourself`.split(/\s+/),
);

/** The letters beside each letter on the keyboard (QWERTY), in its own row. */
const KEYBOARD_ROWS = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm'];

/**
 * Makes one typing mistake in one word of a question: the same in every run. The word is any with at least 5 letters,
 * all of them ASCII, that says something about the subject; the letter is any of the word, the first one included.
 * Returns undefined for a question without such a word.
 */
export function makeTypingMistake(question: string, mistake: Mistake): string | undefined {
  const random = createRandom(`${mistake} ${question}`);
  const words = [...question.matchAll(/(?<![\p{L}\p{N}])[a-z]+(?![\p{L}\p{N}])/giu)].filter(
    ([word]) => word.length >= MIN_WORD_LENGTH && !FUNCTION_WORDS.has(word.toLowerCase()),
  );
  const chosen = words[Math.floor(random() * words.length)];
  if (!chosen) return undefined;
  const [word] = chosen;
  return question.slice(0, chosen.index) + misspell(word, mistake, random) + question.slice(chosen.index + word.length);
}

function misspell(word: string, mistake: Mistake, random: () => number): string {
  // Two equal letters that swap their places would be no mistake. A word of only one letter, repeated, has no others.
  const places = [...word].flatMap((letter, index) =>
    mistake !== 'swapped' || (index + 1 < word.length && letter !== word[index + 1]) ? index : [],
  );
  const place = places[Math.floor(random() * places.length)] ?? 0;
  const [before, letter = '', after] = [word.slice(0, place), word[place], word.slice(place + 1)];
  switch (mistake) {
    case 'swapped':
      return before + after.slice(0, 1) + letter + after.slice(1);
    case 'doubled':
      return before + letter + letter + after;
    case 'replaced':
      return before + pickNeighbour(letter, random) + after;
    case 'dropped':
      return before + after;
  }
}

/** Picks a key beside that of a letter, in lower case. */
function pickNeighbour(letter: string, random: () => number): string {
  const lower = letter.toLowerCase();
  const row = KEYBOARD_ROWS.find((keys) => keys.includes(lower)) ?? '';
  const place = row.indexOf(lower);
  const neighbours = row.slice(Math.max(0, place - 1), place) + row.slice(place + 1, place + 2);
  return neighbours[Math.floor(random() * neighbours.length)] ?? '';
}
