import { describe, expect, it } from 'vitest';
import { fuseScores } from '../../src/answer/fuse-scores.ts';

const document = (wordScore: number, similarity?: number) => ({ wordScore, similarity, isQa: false });
const entry = (wordScore: number, similarity?: number) => ({ wordScore, similarity, isQa: true });

describe('fuseScores', () => {
  it('judges documents mainly by their words', () => {
    const [words, meaning] = fuseScores([document(0.4, 0.1), document(0, 0.9)]);
    expect(words).toBeCloseTo(1 / 1.2);
    expect(meaning).toBeCloseTo(0.2 / 1.2);
  });

  it('judges questions with answers as much by their meaning', () => {
    const [words, meaning, both] = fuseScores([entry(0.4, 0.1), entry(0, 0.9), entry(0.3, 0.8)]);
    expect(words).toBeCloseTo(0.5);
    expect(meaning).toBeCloseTo(0.5);
    expect(both).toBeCloseTo((0.75 + 0.875) / 2);
  });

  it('orders by meaning where no word matches', () => {
    const [lower = 0, higher = 0] = fuseScores([document(0, 0.3), document(0, 0.6)]);
    expect(higher).toBeGreaterThan(lower);
  });

  it('lets the meaning decide between equal words, whatever the range of the similarities', () => {
    for (const [low, high] of [
      [0.1, 0.7],
      [0.91, 0.94],
      [-0.2, -0.1],
    ] as const) {
      const [first = 0, second = 0] = fuseScores([document(0.5, low), document(0.5, high)]);
      expect(second - first).toBeCloseTo(0.2 / 1.2);
    }
  });

  it('judges a passage without a vector by its words alone', () => {
    expect(fuseScores([document(0.5), document(0.25), document(0.25, 0.5)])[1]).toBe(0.5);
  });

  it('keeps the order of the words without any vector, and returns nothing for nothing', () => {
    expect(fuseScores([document(0.2), document(0.4)])).toEqual([0.5, 1]);
    expect(fuseScores([])).toEqual([]);
    expect(fuseScores([document(0)])).toEqual([0]);
  });
});
