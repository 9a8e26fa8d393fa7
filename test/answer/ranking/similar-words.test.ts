import { expect, it } from 'vitest';
import { compareTrigrams, createWordComparer, toTrigrams } from '../../../src/answer/ranking/similar-words.ts';

it('finds the words of a question that a term is similar to, with their similarity', () => {
  const compare = createWordComparer(['лодками', 'tea', 'harbours']);
  expect(compare('harbour')).toEqual([[2, 0.8]]);
  expect(compare('лодками')).toEqual([[0, 1]]);
  expect(compare('лодка').map(([word]) => word)).toEqual([0]);
});

it('finds nothing for unrelated terms, and for words of up to three letters', () => {
  const compare = createWordComparer(['harbours', 'tea']);
  expect(['barrels', 'teas', 'tea', ''].flatMap((term) => compare(term))).toEqual([]);
});

it('never exceeds a similarity of 1, also for repeated letters', () => {
  const compare = createWordComparer(['aaaaaa']);
  expect(Math.max(...compare('a'.repeat(64)).map(([, similarity]) => similarity), 0)).toBeLessThanOrEqual(1);
});

it('compares sets of trigrams by the share that both have', () => {
  expect(compareTrigrams(toTrigrams('boat'), toTrigrams('boat'))).toBe(1);
  expect(compareTrigrams(toTrigrams('boat'), toTrigrams('milk'))).toBe(0);
  expect(compareTrigrams(new Set(), new Set())).toBe(0);
});
