import { describe, expect, it } from 'vitest';
import { splitSentences } from '../../src/answer/sentences.ts';

const sentences = (text: string) => splitSentences(text).map(({ start, end }) => text.slice(start, end));

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
    ['omits empty table cells', '| | a | b | |', ['a | b']],
    ['splits Chinese', '我爱北京。天安门很大！', ['我爱北京。', '天安门很大！']],
    ['splits separate lines', 'Monday: closed\nTuesday: open', ['Monday: closed', 'Tuesday: open']],
    ['keeps wrapped lines together', 'A line that was\nwrapped. Next.', ['A line that was\nwrapped.', 'Next.']],
    ['strips the markers of list items', '- one\n* two\n3. three\n- [x] four', ['one', 'two', 'three', 'four']],
    ['strips the rules and outer pipes of tables', '| a | b |\n|---|:-:|\n| c | d |', ['a | b', 'c | d']],
    ['omits headings, rules and images', '# One\n\n![a](b.png)\n\ntext\n\n---\n\n## Two', ['text']],
    ['strips the fences of code', '```sh\n# install\nnpm ci\n```', ['# install', 'npm ci']],
    ['strips the markers of quotations', '> Said. Done.', ['Said.', 'Done.']],
    ['returns nothing for a text without words', ' \n\n- \n', []],
  ])('%s', (_, text, expected) => {
    expect(sentences(text)).toEqual(expected);
  });

  it('joins a list to the sentence that announces it', () => {
    const text = 'It is easy. To reset it:\n\n1. Open it.\n2. Click\n   reset\n\nThen log in.';
    expect(sentences(text)).toEqual(['It is easy.', 'To reset it:\n\n1. Open it.\n2. Click\n   reset', 'Then log in.']);
  });

  it('joins fenced code, with its fences, to the sentence that announces it', () => {
    expect(sentences('Run this:\n\n```sh\nnpm ci\nnpm start\n```\n\nDone.')).toEqual([
      'Run this:\n\n```sh\nnpm ci\nnpm start\n```',
      'Done.',
    ]);
  });

  it('joins nothing but a list or code to an announcing sentence', () => {
    expect(sentences('Our plans:\n\nthe free one')).toEqual(['Our plans:', 'the free one']);
  });

  it('splits very long sentences at spaces', () => {
    const parts = sentences('ภาษาไทย '.repeat(500));
    expect(parts.every((part) => part.length <= 500)).toBe(true);
    expect(parts.join(' ')).toBe('ภาษาไทย '.repeat(500).trim());
  });

  it('splits 256,000 characters of any text in less than a second', () => {
    for (const text of ['a', ' ', 'a. ', '| ', '- x:\n', '> ', '1. ', '```\n', 'word\n', '中']) {
      const start = performance.now();
      splitSentences(text.repeat(256_000 / text.length));
      expect(performance.now() - start).toBeLessThan(1_000);
    }
  });
});
