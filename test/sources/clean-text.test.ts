import { describe, expect, it } from 'vitest';
import { cleanText } from '../../src/sources/clean-text.ts';

describe('a cleaned text', () => {
  it('loses invisible characters, except the joiners of letters and emoji', () => {
    expect(cleanText('a\u200bb\u202ec\u00ad\ufeff\u2066d\u0000\u{e0041}')).toBe('abcd');
    expect(cleanText('می\u200cخواهم 👩\u200d💻 ❤\ufe0f')).toBe('می\u200cخواهم 👩\u200d💻 ❤\ufe0f');
  });

  it('is normalized to NFC, with line feeds as line ends', () => {
    expect(cleanText('e\u0301\r\nx\ry\u2028z')).toBe('é\nx\ny\nz');
  });

  it('has unpaired surrogates replaced', () => {
    expect(cleanText('a\ud83db')).toBe('a\ufffdb');
  });

  it('loses noncharacters, which have a meaning while a source is read', () => {
    expect(cleanText('a\ufdd00\ufdd1b\ufdef')).toBe('a0b');
  });
});
