/** Letters in a row that are compared. */
const GRAM_LENGTH = 3;

/** A shorter word has too few trigrams: many unrelated words would be similar to it. */
const MIN_WORD_LENGTH = 4;

/**
 * The least similarity of two words that count as forms of one word, such as `прививка` and `прививки`. Of 0, 0.4, 0.5
 * and 0.6, it was the best for English; for Russian, Turkish, Arabic, German and Greek 0.5 is as good.
 */
const MIN_SIMILARITY = 0.6;

const TABLE_SIZE = 4096;

/** The similarity of a term to words of a question: pairs of a word's index and a number from 0.6 to 1. */
export type SimilarWords = readonly (readonly [word: number, similarity: number])[];

const NONE: SimilarWords = [];

/**
 * Creates a function that finds the words of a question that a term is similar to, by their common trigrams (Dice
 * coefficient). Its time depends on the term's length, and hardly on the number of words.
 */
export function createWordComparer(words: readonly string[]): (term: string) => SimilarWords {
  const wordsByGram = new Map<number, number[]>();
  // Most trigrams of a text are in no word of the question: a small table tells so faster than the map.
  const isPossible = new Uint8Array(TABLE_SIZE);
  const gramCounts = words.map((word, index) => {
    if (word.length < MIN_WORD_LENGTH) return 0;
    const grams = toTrigrams(word);
    for (const gram of grams) {
      isPossible[gram % TABLE_SIZE] = 1;
      const indexes = wordsByGram.get(gram);
      if (indexes === undefined) wordsByGram.set(gram, [index]);
      else indexes.push(index);
    }
    return grams.size;
  });
  return (term) => (term.length < MIN_WORD_LENGTH ? NONE : findSimilar(term));

  function findSimilar(term: string): SimilarWords {
    let counts: Map<number, number> | undefined;
    for (let end = 1; end <= term.length; end += 1) {
      const gram = gramBefore(term, end);
      if (isPossible[gram % TABLE_SIZE] === 0) continue;
      counts ??= new Map();
      for (const index of wordsByGram.get(gram) ?? []) counts.set(index, (counts.get(index) ?? 0) + 1);
    }
    if (counts === undefined) return NONE;
    const similar: [number, number][] = [];
    for (const [index, count] of counts) {
      // A trigram that a term repeats counts twice here, so that no set has to be made; the share stays at most 1.
      const similarity = Math.min(1, (2 * count) / ((gramCounts[index] ?? 0) + term.length));
      if (similarity >= MIN_SIMILARITY) similar.push([index, similarity]);
    }
    return similar.length > 0 ? similar : NONE;
  }
}

/**
 * The trigrams of a word, with a mark for its beginning and end, as numbers. Different trigrams may have the same number;
 * this is so rare that it does not matter.
 */
export function toTrigrams(word: string): Set<number> {
  const grams = new Set<number>();
  for (let end = 1; end <= word.length; end += 1) grams.add(gramBefore(word, end));
  return grams;
}

/** The share of common trigrams of two sets, 0 to 1 (Dice coefficient); 0 if both are empty. */
export function compareTrigrams(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  let common = 0;
  for (const gram of a) if (b.has(gram)) common += 1;
  return (2 * common) / Math.max(a.size + b.size, 1);
}

/** The trigram around the unit before `end`, as a number; 0 stands for the beginning and for the end of the word. */
function gramBefore(word: string, end: number): number {
  const first = end >= GRAM_LENGTH - 1 ? word.charCodeAt(end - 2) : 0;
  const last = end < word.length ? word.charCodeAt(end) : 0;
  return (Math.imul(Math.imul(first, 1_000_003) ^ word.charCodeAt(end - 1), 1_000_003) ^ last) >>> 0;
}
