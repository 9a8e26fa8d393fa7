import { describe, expect, it } from 'vitest';
import {
  countWords,
  MAX_QUERY_WORDS,
  toIndexTerms,
  toQueryWords,
  toTerms,
} from '../../../src/domain/language/terms.ts';

describe('toTerms', () => {
  it.each([
    ['stems English words', 'Running runners ran', ['run', 'runner', 'ran']],
    ['folds case, width and accents', 'Café ＣＡＦＥ İstanbul Ärger', ['cafe', 'cafe', 'istanbul', 'arger']],
    ['separates at punctuation', "the 3.14 e-mail of_Newton's", ['the', '3', '14', 'e', 'mail', 'of', 'newton']],
    ['keeps the first letters of other languages', 'die Lieferungen', ['~die', '~liefe']],
    ['keeps numbers and codes whole', 'the order A4711-0815', ['the', 'order', 'a4711', '0815']],
    ['finds the words of Chinese', '我爱北京天安门', ['我', '爱', '北京', '天安门']],
    ['finds the words of Thai', 'ภาษาไทย', ['ภาษา', 'ไทย']],
    ['keeps the vowel signs of Hindi', 'किताब', ['किताब']],
    ['drops the points of Hebrew and the vowels of Arabic', 'שָׁלוֹם مُحَمَّد', ['שלום', 'محمد']],
    ['keeps repetitions and order', 'red or blue or red', ['red', 'or', 'blue', 'or', 'red']],
    ['finds nothing in punctuation and emoji', ' … 😀 "-" ', []],
  ])('%s', (_, text, terms) => {
    expect(toTerms(text)).toEqual(terms);
  });

  it('returns the same terms for composed and decomposed text', () => {
    const text = 'Ångström naïve résumé 한국어 がぎぐ й';
    expect(toTerms(text.normalize('NFD'))).toEqual(toTerms(text.normalize('NFC')));
  });

  it('returns only letters, marks and digits, whatever the text', () => {
    const hostile = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code * 21)).join('a');
    for (const term of toTerms(hostile)) expect(term).toMatch(/^~?[\p{L}\p{M}\p{N}]+$/u);
  });

  it('truncates very long words without splitting a character', () => {
    const terms = toTerms(`${'a'.repeat(10_000)} ${'𝒳𞤀'.repeat(1_000)}`);
    expect(terms.every((term) => term.length <= 64 && term.isWellFormed())).toBe(true);
    expect(terms).toHaveLength(2);
  });
});

describe('toIndexTerms', () => {
  it('adds the parts of words of other languages than English', () => {
    const terms = toIndexTerms('Der Hausmeister');
    expect(terms.slice(0, countWords(terms))).toEqual(['~der', '~hausm']);
    expect(terms.slice(countWords(terms))).toEqual(['+haus', '+meis', '+eist', '+iste', '+ster']);
  });

  it('adds nothing to an English text', () => {
    expect(toIndexTerms('The housekeepers of the school')).toEqual(toTerms('The housekeepers of the school'));
  });

  it('returns terms without spaces, whatever the text', () => {
    const hostile = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code * 21)).join('a');
    for (const term of toIndexTerms(hostile)) expect(term).toMatch(/^[~+]?[\p{L}\p{M}\p{N}]+$/u);
  });
});

describe('toQueryWords', () => {
  it('offers the terms of each language that a word may be of', () => {
    expect(toQueryWords('Lieferzeiten')).toEqual([
      {
        text: 'lieferzeiten',
        terms: ['lieferzeiten', '~liefe'],
        parts: ['lief', 'erze', 'rzei', 'zeit', 'eite', 'iten'].map((part) =>
          expect.arrayContaining([`+${part}`, `~${part}`]),
        ),
      },
    ]);
  });

  it('omits stop words', () => {
    expect(firstTermsOf("What's the capital of the country?")).toEqual(['capit', 'countri']);
  });

  it('keeps all words when there are only stop words', () => {
    expect(firstTermsOf('Who are you?')).toEqual(['who', 'ar', 'you']);
  });

  it('returns each term once, in the order of the question', () => {
    expect(firstTermsOf('cats, dogs and the cat')).toEqual(['cat', 'dog']);
  });

  it('bounds the number of terms of a long question', () => {
    const question = Array.from({ length: 2_000 }, (_, index) => `w${index}`).join(' ');
    expect(firstTermsOf(question)).toHaveLength(MAX_QUERY_WORDS);
  });

  it('is empty for a question without words', () => {
    expect(firstTermsOf('?!')).toEqual([]);
  });
});

function firstTermsOf(question: string): string[] {
  return toQueryWords(question).map(({ terms: [first = ''] }) => first);
}
