import { areNearDuplicates, type Shingles, toShingles } from '../domain/language/near-duplicates.ts';

/**
 * How many hash functions choose what a chunk is compared with. Two chunks that are similar enough (0.8) share the
 * lowest hash of one function with a probability of 0.8, and of one of four with 0.998. Source: Broder, "On the
 * resemblance and containment of documents", 1997.
 */
const SEEDS = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f];

interface SeenChunk {
  /** The words of its headings and text. */
  readonly words: ReadonlySet<string>;
  readonly shingles: Shingles;
}

/** Tells by the terms of its headings and of its text whether a chunk repeats one that was passed before. */
export type RepetitionTest = (headingTerms: readonly string[], textTerms: readonly string[]) => boolean;

/**
 * Creates a test for the chunks of one source. A chunk repeats another one if they say nearly the same, in exactly the
 * same words, headings included: one other word, such as a number or "not", may be what matters. All calls together
 * take linear time.
 */
export function createRepetitionTest(): RepetitionTest {
  /** The first chunk with a lowest hash. */
  const seen = new Map<string, SeenChunk>();
  return (headingTerms, textTerms) => {
    const chunk = { words: new Set([...headingTerms, ...textTerms]), shingles: toShingles(textTerms) };
    const keys = findLowestHashes(chunk.shingles);
    if (keys.some((key) => isRepeated(chunk, seen.get(key)))) return true;
    for (const key of keys) if (!seen.has(key)) seen.set(key, chunk);
    return false;
  };
}

function isRepeated({ words, shingles }: SeenChunk, earlier: SeenChunk | undefined): boolean {
  if (earlier === undefined || !areNearDuplicates(earlier.shingles, shingles)) return false;
  return words.size === earlier.words.size && [...words].every((word) => earlier.words.has(word));
}

/** Returns the lowest hash of the shingles by each of the hash functions. */
function findLowestHashes(shingles: Shingles): string[] {
  const lowest = SEEDS.map(() => Number.POSITIVE_INFINITY);
  for (const shingle of shingles) {
    for (let index = 0; index < SEEDS.length; index += 1) {
      const hash = Math.imul(shingle ^ (shingle >>> 15), SEEDS[index] ?? 0) >>> 0;
      if (hash < (lowest[index] ?? 0)) lowest[index] = hash;
    }
  }
  return lowest.map((hash, index) => `${index}:${hash}`);
}
