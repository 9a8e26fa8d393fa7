import { describe, expect, it } from 'vitest';
import { limitMarks, normalizeText, trimTrailingSlashes } from '../../src/domain/text.ts';

describe('limitMarks', () => {
  it('keeps the first 30 combining marks of a run, anywhere in the text, and cuts the others', () => {
    for (const before of ['', 'a', 'word '.repeat(7), 'x'.repeat(61)]) {
      const expected = `${before}${'\u0301'.repeat(30)}`;
      expect(limitMarks(`${expected} end`)).toBe(`${expected} end`);
      expect(limitMarks(`${expected}\u0301 end`)).toBe(`${expected} end`);
      expect(limitMarks(expected + '\u0323\u0301'.repeat(30_000))).toBe(expected);
    }
  });

  it('counts marks outside the Basic Multilingual Plane, and keeps emoji sequences', () => {
    expect(limitMarks('\u{1d165}'.repeat(40))).toBe('\u{1d165}'.repeat(30));
    expect(limitMarks('👩‍👩‍👧'.repeat(40))).toBe('👩‍👩‍👧'.repeat(40));
  });

  it('does not change text in any real script', () => {
    const texts = ['नमस्ते दुनिया', 'สวัสดีชาวโลก', 'שָׁלוֹם עוֹלָם', 'مَرْحَبًا', 'Việt Nam', 'བོད་སྐད་'];
    for (const text of texts) expect(limitMarks(text.repeat(100))).toBe(text.repeat(100));
  });
});

describe('normalizeText', () => {
  it('normalizes 60,000 combining marks in less than 2 seconds', { timeout: 2_000 }, () => {
    const hostile = `a${'\u0301\u0323'.repeat(30_000)}`;
    expect(normalizeText(hostile, 'NFC')).toBe(`a${'\u0301\u0323'.repeat(15)}`.normalize('NFC'));
    expect(normalizeText(hostile, 'NFKD')).toBe(`a${'\u0301\u0323'.repeat(15)}`.normalize('NFKD'));
  });
});

describe('trimTrailingSlashes', () => {
  it('removes all slashes at the end, and no others', () => {
    const urls = ['https://a.example/v1//', '/a', '//', ''];
    expect(urls.map(trimTrailingSlashes)).toEqual(['https://a.example/v1', '/a', '', '']);
  });
});
