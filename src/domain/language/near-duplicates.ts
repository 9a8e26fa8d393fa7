/** How many terms in a row make one shingle. */
const SHINGLE_LENGTH = 3;

/**
 * The least similarity of texts that say the same: above it, two passages differ in about one word of thirty, such as a
 * name, a date or a corrected spelling.
 */
const MIN_SIMILARITY = 0.8;

/** The runs of three terms of a text, which tell how similar it is to another text. */
export type Shingles = ReadonlySet<string>;

/** Returns the shingles of the terms of a text, in order; of fewer than three terms, the one run of all of them. */
export function toShingles(terms: readonly string[]): Shingles {
  const shingles = new Set<string>();
  const last = Math.max(terms.length - SHINGLE_LENGTH, 0);
  for (let index = 0; index <= last; index += 1) shingles.add(terms.slice(index, index + SHINGLE_LENGTH).join(' '));
  return shingles;
}

/** Whether two texts say nearly the same: at least four fifths of all their shingles are in both. */
export function areNearDuplicates(a: Shingles, b: Shingles): boolean {
  return similarityOf(a, b) >= MIN_SIMILARITY;
}

/** The share of the shingles of two texts that both have, from 0 to 1 (Jaccard similarity). */
export function similarityOf(a: Shingles, b: Shingles): number {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  let common = 0;
  for (const shingle of small) if (large.has(shingle)) common += 1;
  return common / Math.max(a.size + b.size - common, 1);
}
