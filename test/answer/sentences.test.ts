import { describe, expect, it } from 'vitest';
import { splitSentences } from '../../src/answer/sentences.ts';

const sentences = (text: string) =>
  splitSentences(text, { start: 0, end: text.length }).map(({ start, end }) => text.slice(start, end));

describe('splitSentences', () => {
  it.each([
    ['splits sentences', 'One. Two! Three?', ['One.', 'Two!', 'Three?']],
    [
      'keeps abbreviations together',
      'Dr. Lee vs. Mr. Ray, e.g. here. Next.',
      ['Dr. Lee vs. Mr. Ray, e.g. here.', 'Next.'],
    ],
    ['keeps initials together', 'J. R. Smith of the U.S. Army. Next.', ['J. R. Smith of the U.S. Army.', 'Next.']],
    ['keeps decimal numbers together', 'It costs 3.50 euros. Next.', ['It costs 3.50 euros.', 'Next.']],
    [
      'keeps paths and addresses together',
      'See ../LICENSE or example.com/a.html. Next.',
      ['See ../LICENSE or example.com/a.html.', 'Next.'],
    ],
    ['splits Chinese', '我爱北京。天安门很大！', ['我爱北京。', '天安门很大！']],
    ['keeps wrapped lines together', 'A line that was\nwrapped. Next.', ['A line that was\nwrapped.', 'Next.']],
    ['returns nothing for a text without words', ' \n ', []],
  ])('%s', (_, text, expected) => {
    expect(sentences(text)).toEqual(expected);
  });

  it('splits only the given span of the text', () => {
    expect(splitSentences('- One. Two.\n- Three.', { start: 2, end: 11 })).toEqual([
      { start: 2, end: 6 },
      { start: 7, end: 11 },
    ]);
  });

  it('splits very long sentences at spaces', () => {
    const parts = sentences('ภาษาไทย '.repeat(500));
    expect(parts.every((part) => part.length <= 500)).toBe(true);
    expect(parts.join(' ')).toBe('ภาษาไทย '.repeat(500).trim());
  });
});
