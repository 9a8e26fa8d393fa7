import { LENGTHS, POSTING_BYTES, readCount, readLengthCode, readSlot, SEGMENT_SIZE } from './postings.ts';

/**
 * BM25's usual constant for how soon further occurrences of a term count little. Source of both constants: Robertson and
 * Zaragoza, "The Probabilistic Relevance Framework", 2009.
 */
export const K1 = 1.2;
/** BM25's usual constant for how much the length of a text counts, 0 to 1. */
export const B = 0.75;

/** The postings of one term in one segment. */
export interface SegmentPostings {
  readonly term: string;
  readonly segment: number;
  readonly data: Uint8Array;
}

/** A word to search for, which a passage contains if it contains one of its terms. */
export interface SearchedWord {
  readonly terms: readonly string[];
  readonly weight: number;
}

/** BM25's inverse document frequency, in the variant that is always positive. Source: Lucene's BM25Similarity. */
export function inverseDocumentFrequency(matchCount: number, passageCount: number): number {
  return Math.log(1 + (passageCount - matchCount + 0.5) / (matchCount + 0.5));
}

/**
 * Selects the slots of the passages with the highest BM25 scores, best first, at most `limit`; of equal ones those with
 * the lower slots. Of a word's terms, the one that scores most in a passage counts. Takes about 10 ns for each posting.
 * @param averageLength the average number of terms of the chatbot's passages.
 */
export function selectBest(
  postings: readonly SegmentPostings[],
  words: readonly SearchedWord[],
  averageLength: number,
  limit: number,
): number[] {
  const saturations = Float64Array.from(LENGTHS, (length) => K1 * (1 - B + (B * length) / averageLength));
  const best = createBestSlots(limit);
  for (const [segment, rows] of Map.groupBy(postings, ({ segment }) => segment)) {
    const data = new Map(rows.map((row) => [row.term, row.data]));
    const scores = new Float64Array(SEGMENT_SIZE);
    for (const { terms, weight } of words) {
      const matching = terms.flatMap((term) => data.get(term) ?? []);
      addWord(scores, matching, weight, saturations);
    }
    for (const [slot, score] of scores.entries()) if (score > 0) best.add(segment * SEGMENT_SIZE + slot, score);
  }
  return best.list();
}

function addWord(
  scores: Float64Array,
  postings: readonly Uint8Array[],
  weight: number,
  saturations: Float64Array,
): void {
  const [first] = postings;
  if (first === undefined) return;
  if (postings.length === 1) {
    addScores(scores, first, weight, saturations);
    return;
  }
  const highest = new Float64Array(SEGMENT_SIZE);
  for (const data of postings) {
    const ownScores = new Float64Array(SEGMENT_SIZE);
    addScores(ownScores, data, weight, saturations);
    for (const [slot, score] of ownScores.entries()) if (score > (highest[slot] as number)) highest[slot] = score;
  }
  for (const [slot, score] of highest.entries()) scores[slot] = (scores[slot] as number) + score;
}

function addScores(scores: Float64Array, data: Uint8Array, weight: number, saturations: Float64Array): void {
  for (let at = 0; at < data.length; at += POSTING_BYTES) {
    const slot = readSlot(data, at);
    const count = readCount(data, at);
    const saturation = saturations[readLengthCode(data, at)] as number;
    scores[slot] = (scores[slot] as number) + (weight * count) / (count + saturation);
  }
}

/** Collects the slots with the highest scores. Slots come in any order. */
function createBestSlots(limit: number) {
  let found: { slot: number; score: number }[] = [];
  let minScore = 0;

  function cut(): void {
    found = found.sort((a, b) => b.score - a.score || a.slot - b.slot).slice(0, limit);
    if (found.length === limit) minScore = found.at(-1)?.score ?? 0;
  }

  return {
    add(slot: number, score: number): void {
      if (score < minScore) return;
      found.push({ slot, score });
      if (found.length >= 4 * limit) cut();
    },
    list(): number[] {
      cut();
      return found.map(({ slot }) => slot);
    },
  };
}
