import { expect, it } from 'vitest';
import { listStopWords, scoreStopWords, weighStopWords } from '../../../src/answer/ranking/stop-word-scores.ts';
import { toQueryWords, toTerms } from '../../../src/domain/language/terms.ts';

it('lists the terms of a question that are not those of its words, each once', () => {
  const question = 'Is the price of the delivery of the book high?';
  const words = toQueryWords(question).map((word) => ({ ...word, weight: 1 }));
  expect(listStopWords(toTerms(question), words)).toEqual(['is', 'the', 'of']);
});

it('scores a rare stop word higher than one that all candidates have, and a repeated one higher than a single one', () => {
  const counts = [
    [1, 0],
    [1, 1],
    [3, 0],
    [0, 0],
  ].map((ofCandidate) => Uint16Array.from(ofCandidate));
  const weights = weighStopWords(2, counts);
  const [common = 0, rare = 0, repeated = 0, none] = counts.map((ofCandidate) =>
    scoreStopWords(ofCandidate, weights, 1),
  );
  expect(weights[1]).toBeGreaterThan(weights[0] ?? 0);
  expect(rare).toBeGreaterThan(repeated);
  expect(repeated).toBeGreaterThan(common);
  expect(none).toBe(0);
});

it('scores stop words lower in a longer passage, and nothing without stop words', () => {
  const counts = Uint16Array.of(1);
  expect(scoreStopWords(counts, [1], 2)).toBeLessThan(scoreStopWords(counts, [1], 1));
  expect(scoreStopWords(new Uint16Array(), [], 1)).toBe(0);
});
