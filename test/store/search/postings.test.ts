import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../bench/eval/random.ts';
import { selectBest } from '../../../src/store/search/bm25.ts';
import {
  encodePosting,
  LENGTHS,
  MAX_COUNT,
  readCount,
  readLengthCode,
  readSlot,
  removePostings,
  SEGMENT_SIZE,
} from '../../../src/store/search/postings.ts';

const encode = (...postings: [slot: number, count: number, length: number][]) =>
  Buffer.from(postings.map((posting) => encodePosting(...posting)).join(''), 'hex');

describe('postings', () => {
  it.each([
    [0, 1, 0],
    [SEGMENT_SIZE - 1, MAX_COUNT, 5],
    [5 * SEGMENT_SIZE + 17, 3, 240],
    [SEGMENT_SIZE, 10_000, 1_000_000],
  ])('keep slot %i, count %i and length %i', (slot, count, length) => {
    const data = encode([slot, count, length]);
    expect(readSlot(data, 0)).toBe(slot % SEGMENT_SIZE);
    expect(readCount(data, 0)).toBe(Math.min(count, MAX_COUNT));
    const stored = LENGTHS[readLengthCode(data, 0)] ?? 0;
    expect(Math.abs(stored - Math.min(length, LENGTHS.at(-1) ?? 0))).toBeLessThanOrEqual(0.022 * (length + 1));
  });

  it('remove only the given slots of the given segment', () => {
    const data = encode([2_050, 1, 9], [2_051, 2, 9], [2_052, 3, 9]);
    const kept = removePostings(data, 2, new Set([2_051, 3]));
    expect(kept).toEqual(encode([2_050, 1, 9], [2_052, 3, 9]));
    expect(removePostings(kept, 2, new Set([2_050, 2_052]))).toHaveLength(0);
  });
});

describe('selectBest', () => {
  const postings = [
    { term: 'red', segment: 0, data: encode([1, 1, 10], [2, 3, 10], [3, 1, 90]) },
    { term: 'red', segment: 7, data: encode([7_170, 1, 10]) },
    { term: 'crimson', segment: 0, data: encode([2, 1, 10], [4, 1, 10]) },
    { term: 'blue', segment: 0, data: encode([3, 1, 90]) },
  ];
  const red = { terms: ['red'], weight: 1 };
  const select = (words: Parameters<typeof selectBest>[1], limit = 10) => selectBest(postings, words, 30, limit);

  it('prefers passages with more occurrences, then shorter ones, then earlier ones', () => {
    expect(select([red])).toEqual([2, 1, 7_170, 3]);
  });

  it('adds the scores of several words by their weights', () => {
    expect(select([red, { terms: ['blue'], weight: 5 }])).toEqual([3, 2, 1, 7_170]);
  });

  it('counts of the terms of one word only the one that scores most', () => {
    const word = { terms: ['red', 'crimson'], weight: 1 };
    expect(select([word])).toEqual([2, 1, 4, 7_170, 3]);
    expect(select([{ terms: ['crimson', 'red'], weight: 1 }], 1)).toEqual([2]);
  });

  it('returns at most `limit` slots of many', () => {
    const many = Array.from({ length: 1_000 }, (_, slot) => [slot, 1, slot] as [number, number, number]);
    const rows = [{ term: 'red', segment: 0, data: encode(...many) }];
    expect(selectBest(rows, [red], 30, 3)).toEqual([0, 1, 2]);
  });

  it('finds the same as the sum of all scores, whatever words decide', () => {
    const random = createRandom('postings');
    const words = [0.4, 0.05, 0.002, 0.2].map((share, index) => ({
      terms: [`t${index}`],
      weight: -Math.log(share),
      share,
    }));
    const rows = words.flatMap(({ terms: [term = ''], share }) =>
      Array.from({ length: 6 }, (_, segment) => {
        const slots = Array.from({ length: SEGMENT_SIZE }, (_, slot) => slot).filter(() => random() < share);
        return {
          term,
          segment,
          data: encode(...slots.map((slot): [number, number, number] => [slot, 1 + (slot % 3), 30])),
        };
      }),
    );
    const scores = new Map<number, number>();
    for (const {
      terms: [term],
      weight,
    } of words)
      for (const { segment, data } of rows.filter((row) => row.term === term))
        for (let at = 0; at < data.length; at += 3) {
          const slot = segment * SEGMENT_SIZE + readSlot(data, at);
          const count = readCount(data, at);
          const length = LENGTHS[readLengthCode(data, at)] ?? 0;
          scores.set(slot, (scores.get(slot) ?? 0) + (weight * count) / (count + 1.2 * (0.25 + (0.75 * length) / 30)));
        }
    const expected = [...scores].sort(([a, x], [b, y]) => y - x || a - b).map(([slot]) => slot);
    for (const limit of [1, 30, 1_000]) expect(selectBest(rows, words, 30, limit)).toEqual(expected.slice(0, limit));
  });

  it('finds nothing without words and without postings', () => {
    expect(select([])).toEqual([]);
    expect(selectBest([], [red], 0, 10)).toEqual([]);
  });
});
