import { describe, expect, it } from 'vitest';
import { areNearDuplicates, similarityOf, toShingles } from '../../../src/domain/language/near-duplicates.ts';

const shinglesOf = (text: string) => toShingles(text.split(' '));
const numbers = Array.from({ length: 60 }, (_, number) => `w${number}`);
const text = numbers.join(' ');

describe('areNearDuplicates', () => {
  it('accepts a text with one other word in sixty', () => {
    expect(areNearDuplicates(shinglesOf(text), shinglesOf(text.replace('w30', 'other')))).toBe(true);
  });

  it('refuses a text with the same words in another order', () => {
    expect(areNearDuplicates(shinglesOf(text), shinglesOf(numbers.toReversed().join(' ')))).toBe(false);
  });

  it('refuses a text that continues for as long again', () => {
    expect(areNearDuplicates(shinglesOf(text), shinglesOf(`${text} ${text.replaceAll('w', 'v')}`))).toBe(false);
  });

  it('compares texts that are shorter than a shingle', () => {
    expect(areNearDuplicates(shinglesOf('closed today'), shinglesOf('closed today'))).toBe(true);
    expect(areNearDuplicates(shinglesOf('closed today'), shinglesOf('closed now'))).toBe(false);
  });
});

describe('similarityOf', () => {
  it('is the share of the shingles of both texts that both have', () => {
    expect(similarityOf(shinglesOf('a b c d'), shinglesOf('a b c e'))).toBeCloseTo(1 / 3);
    expect(similarityOf(shinglesOf('a b c'), shinglesOf('d e f'))).toBe(0);
  });
});
