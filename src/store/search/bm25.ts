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

/** The passages that contain a term. */
export interface TermPostings {
  /** The number of passages. */
  readonly count: number;
  /** Absent if only their number was read. */
  readonly postings?: readonly SegmentPostings[];
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

/** The postings of a term, by segment. */
type PostingsList = ReadonlyMap<number, Uint8Array>;

/** A searched word with the postings of its terms that occur. */
interface FoundWord {
  readonly weight: number;
  readonly lists: readonly PostingsList[];
}

/**
 * Selects the slots of the passages with the highest BM25 scores, best first, at most `limit`; of equal ones those with
 * the lower slots. Of a word's terms, the one that scores most in a passage counts. Once enough passages are found,
 * those that have only words of low weight are not looked at, because they cannot score as much. Source: Turtle and
 * Flood, "Query evaluation: strategies and optimizations" (MaxScore), 1995. Takes about 10 ns for each posting.
 * @param averageLength the average number of terms of the chatbot's passages.
 */
export function selectBest(
  postings: readonly SegmentPostings[],
  words: readonly SearchedWord[],
  averageLength: number,
  limit: number,
): number[] {
  const saturations = Float64Array.from(LENGTHS, (length) => K1 * (1 - B + (B * length) / averageLength));
  const found = findWords(postings, words);
  const best = createBestSlots(limit);
  // The same memory serves all segments.
  const scores = new Float64Array(SEGMENT_SIZE);
  const segments = [...new Set(postings.map(({ segment }) => segment))].sort((a, b) => a - b);
  for (const segment of segments) {
    const deciding = listDecidingWords(found, best.minScore()).flatMap(({ lists }) => listSegment(lists, segment));
    if (deciding.length === 0) continue;
    scores.fill(0);
    for (const { lists, weight } of found) {
      const [first, ...others] = listSegment(lists, segment);
      if (first === undefined) continue;
      if (others.length === 0) addScores(scores, first, weight, saturations);
      else addHighestScores(scores, [first, ...others], weight, saturations);
    }
    for (const data of deciding) best.addSlots(segment, data, scores);
  }
  return best.list();
}

/** Finds the postings of words, those of the highest weight first. */
function findWords(postings: readonly SegmentPostings[], words: readonly SearchedWord[]): FoundWord[] {
  const byTerm = new Map<string, Map<number, Uint8Array>>();
  for (const { term, segment, data } of postings) {
    const list = byTerm.get(term);
    if (list === undefined) byTerm.set(term, new Map([[segment, data]]));
    else list.set(segment, data);
  }
  return words
    .map(({ terms, weight }) => ({ weight, lists: terms.flatMap((term) => byTerm.get(term) ?? []) }))
    .sort((a, b) => b.weight - a.weight);
}

/** Lists the first words, without which a passage cannot score more than `minScore`: a word never adds its whole weight. */
function listDecidingWords(words: readonly FoundWord[], minScore: number): readonly FoundWord[] {
  let count = words.length;
  let bound = 0;
  for (; count > 0; count -= 1) {
    bound += words[count - 1]?.weight ?? 0;
    if (bound > minScore) break;
  }
  return words.slice(0, count);
}

function listSegment(lists: readonly PostingsList[], segment: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const list of lists) {
    const data = list.get(segment);
    if (data !== undefined) found.push(data);
  }
  return found;
}

function addScores(scores: Float64Array, data: Uint8Array, weight: number, saturations: Float64Array): void {
  for (let at = 0; at < data.length; at += POSTING_BYTES) {
    const slot = readSlot(data, at);
    const count = readCount(data, at);
    const saturation = saturations[readLengthCode(data, at)] as number;
    scores[slot] = (scores[slot] as number) + (weight * count) / (count + saturation);
  }
}

/** Adds to each slot the score of the one of several terms that scores most in it. */
function addHighestScores(
  scores: Float64Array,
  postings: readonly Uint8Array[],
  weight: number,
  saturations: Float64Array,
): void {
  const highest = new Float64Array(SEGMENT_SIZE);
  for (const data of postings) {
    const ownScores = new Float64Array(SEGMENT_SIZE);
    addScores(ownScores, data, weight, saturations);
    for (let slot = 0; slot < SEGMENT_SIZE; slot += 1)
      highest[slot] = Math.max(highest[slot] as number, ownScores[slot] as number);
  }
  for (let slot = 0; slot < SEGMENT_SIZE; slot += 1)
    scores[slot] = (scores[slot] as number) + (highest[slot] as number);
}

/** Collects the slots with the highest scores. Segments come in ascending order. */
function createBestSlots(limit: number) {
  let found: { slot: number; score: number }[] = [];
  let minScore = 0;

  /** Only a later segment needs a higher score: within a segment, slots come in any order. */
  function cut(): void {
    found = found.sort((a, b) => b.score - a.score || a.slot - b.slot).slice(0, limit);
    if (found.length === limit) minScore = found.at(-1)?.score ?? minScore;
  }

  return {
    /** The score that a slot of the next segment must exceed. */
    minScore: () => minScore,
    /** Adds the slots of some postings, and sets their scores to 0, so that they are not added again. */
    addSlots(segment: number, data: Uint8Array, scores: Float64Array): void {
      const min = minScore;
      for (let at = 0; at < data.length; at += POSTING_BYTES) {
        const slot = readSlot(data, at);
        const score = scores[slot] as number;
        if (score <= min) continue;
        scores[slot] = 0;
        found.push({ slot: segment * SEGMENT_SIZE + slot, score });
      }
      if (found.length >= 2 * limit) cut();
    },
    list(): number[] {
      cut();
      return found.map(({ slot }) => slot);
    },
  };
}
