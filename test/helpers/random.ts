/** Creates a pseudorandom generator that repeats its numbers for the same seed. Source: mulberry32. */
export function createRandom(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  /** An integer from 0 to below `end`. */
  return { below: (end: number) => Math.floor(next() * end) };
}

export type Random = ReturnType<typeof createRandom>;

const WORDS = ['answer ', 'é', '👍🏽', '👨‍👩‍👧 ', '\n\n', 'a', '𝔘nicode ', 'שלום ', '{"json": "\\u0000"} ', ''];

/** Creates a text of `wordCount` random words, many of which are hard to split, such as surrogate pairs. */
export function createRandomText(random: Random, wordCount: number): string {
  return Array.from({ length: wordCount }, () => WORDS[random.below(WORDS.length)]).join('');
}

/** Yields to the event loop `count` times. */
export async function yieldToEventLoop(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
