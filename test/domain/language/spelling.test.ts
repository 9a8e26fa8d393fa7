import { describe, expect, it } from 'vitest';
import { countMistakes, listSpellings } from '../../../src/domain/language/spelling.ts';

const spellingsOf = (word: string) => listSpellings(word).map(({ text }) => text);

describe('listSpellings', () => {
  it.each([
    ['a swapped pair', 'pasword', 'pawsord'],
    ['a doubled letter', 'refundd', 'refund'],
    ['a missing letter', 'pasword', 'password'],
    ['a wrong letter', 'delifery', 'delivery'],
    ['a wrong first letter', 'felivery', 'delivery'],
    ['a missing first letter', 'elivery', 'delivery'],
    ['a missing last letter', 'deliver', 'delivery'],
    ['a wrong Cyrillic letter', 'достафка', 'доставка'],
    ['a missing Greek letter', 'παραδση', 'παραδοση'],
    ['a wrong vowel of a Korean syllable', '배숭비', '배송비'],
    ['a missing final of a Korean syllable', '배소비', '배송비'],
    ['a wrong initial of a Korean syllable', '태송비', '배송비'],
    ['a swapped pair in a script without an alphabet here', 'ជនភាសា', 'ជភនាសា'],
  ])('mends %s', (_mistake, word, meant) => {
    expect(spellingsOf(word)).toContain(meant);
  });

  it('lists each spelling once, and not the word itself', () => {
    const spellings = spellingsOf('coffee');
    expect(new Set(spellings).size).toBe(spellings.length);
    expect(spellings).not.toContain('coffee');
    expect(spellings.every((text) => countMistakes(text, 'coffee', 1) === 1)).toBe(true);
  });

  it('counts the usual mistakes as likelier than others, and those of the first letter as less likely', () => {
    const costs = new Map(listSpellings('ordre').map(({ text, cost }) => [text, cost]));
    expect(costs.get('order')).toBeLessThan(costs.get('ordrx') ?? 0);
    expect(costs.get('irdre')).toBeGreaterThan(costs.get('orire') ?? 9);
  });

  it.each(['', 'abc', 'v2x', '12345', 'a'.repeat(41)])('leaves %j alone', (word) => {
    expect(listSpellings(word)).toEqual([]);
  });

  it('lists about 55 spellings for each letter', () => {
    expect(listSpellings('abcdefgh').length).toBeLessThan(8 * 60);
  });
});

describe('countMistakes', () => {
  it.each([
    ['refund', 'refund', 0],
    ['refund', 'refudn', 1],
    ['refund', 'refnd', 1],
    ['refund', 'reffund', 1],
    ['cancellation', 'cancelation', 1],
    ['cancellation', 'cancelaton', 2],
    ['accommodation', 'acomodation', 2],
    ['refund', 'return', 3],
    ['', 'abc', 3],
  ])('of %s and %s is %i, up to the limit', (a, b, mistakes) => {
    expect(countMistakes(a, b, 2)).toBe(mistakes);
    expect(countMistakes(b, a, 2)).toBe(mistakes);
  });
});
