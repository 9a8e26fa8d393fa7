/** How many terms in a row make one shingle. */
const SHINGLE_LENGTH = 3;

/**
 * The least similarity of texts that say the same: above it, two passages differ in about one word of thirty, such as a
 * name, a date or a corrected spelling.
 */
const MIN_SIMILARITY = 0.8;

/** The constants of FNV-1a. Source: http://www.isthe.com/chongo/tech/comp/fnv/ */
const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** The runs of three terms of a text as hashes of 32 bits, which tell how similar it is to another text. */
export type Shingles = ReadonlySet<number>;

/** Returns the shingles of the terms of a text, in order; of fewer than three terms, the one run of all of them. */
export function toShingles(terms: readonly string[]): Shingles {
  const hashes = terms.map(hashOf);
  const shingles = new Set<number>();
  const last = Math.max(terms.length - SHINGLE_LENGTH, 0);
  for (let start = 0; start <= last; start += 1) {
    let hash = OFFSET_BASIS;
    for (let index = start; index < start + SHINGLE_LENGTH; index += 1)
      hash = Math.imul(hash ^ (hashes[index] ?? 0), PRIME) ^ (hash >>> 15);
    shingles.add(hash >>> 0);
  }
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

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = OFFSET_BASIS;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), PRIME);
  return hash;
}
