import { describe, expect, it } from 'vitest';
import {
  insertEnds,
  insertMarks,
  numberCitations,
  removeMarks,
  splitAtMarks,
} from '../../../src/web/chat/citation-marks.ts';
import { findQuote } from '../../../src/web/chat/quote.ts';

const cite = (end: number, passage: string | null = `passage ${end}`) => ({
  start: 0,
  end,
  title: 'Title',
  url: null,
  quote: `quote ${end}`,
  passage: passage === null ? null : { id: passage },
});

/** The text with the numbers of its citation marks in brackets. */
function mark(content: string, ...ends: number[]): string {
  const citations = numberCitations(ends.map((end, index) => cite(end, `passage ${index}`)));
  return splitAtMarks(insertMarks(content, citations))
    .map((part) => (typeof part === 'string' ? part : `[${citations[part]?.number}]`))
    .join('');
}

describe('the marks of citations', () => {
  it('are at the end of their span, in UTF-16 code units', () => {
    expect(mark('One. Two.', 4, 9)).toBe('One.[1] Two.[2]');
    expect(mark('Ä 😀. End', 5)).toBe('Ä 😀.[1] End');
    expect(mark('One.', 4, 4)).toBe('One.[1][2]');
  });

  it('stay within the text, whatever offsets they have', () => {
    expect(mark('One.', -1, 99)).toBe('[1]One.[2]');
  });

  it.each([
    ['after a block of code', '```\ncode\n```', '```\ncode\n```\n\n[1]'],
    ['in the last cell of a row', '| a | b |', '| a | b [1]|'],
    ['after a bare address', 'See https://example.com/a', 'See https://example.com/a [1]'],
  ])('are %s', (_where, content, marked) => {
    expect(mark(content, content.length)).toBe(marked);
  });

  it('share a number for citations of one passage', () => {
    const citations = [cite(9, 'b'), cite(4, 'a'), cite(12, 'b'), cite(20, null)];
    expect(numberCitations(citations).map(({ end, number }) => [end, number])).toEqual([
      [4, 1],
      [9, 2],
      [12, 2],
      [20, 3],
    ]);
  });

  it('differ from characters of the text itself', () => {
    expect(mark('A\uFFFC\uE000\uFFFCB.', 6)).toBe('A\uFFFD\uFFFD\uFFFDB.[1]');
  });

  it('can be removed from a URL, encoded or not', () => {
    const marked = insertMarks('https://example.com/a', numberCitations([cite(4)]));
    expect(removeMarks(marked)).toBe('https://example.com/a');
    expect(removeMarks(encodeURI(marked))).toBe('https://example.com/a');
  });
});

describe('the quote in a passage', () => {
  it('is found despite different line breaks', () => {
    expect(findQuote('A (b)\nc*d? End', '(b) c*d?')).toEqual({ start: 2, end: 10 });
  });

  it('is not found in a passage without it', () => {
    expect(findQuote('Other words', 'quote')).toBeUndefined();
    expect(findQuote('Other words', ' ')).toBeUndefined();
  });

  it.each([
    ['in a line', 'One two three', 'two', 'One <two> three'],
    ['of a heading', '# Title\nText', '# Title', '# <Title>\nText'],
    ['of items', 'A:\n\n- one\n- two', '- one\n- two', 'A:\n\n- <one\n- two>'],
    ['of a block of code', 'A\n\n```js\nx\n```\nB', '```js\nx\n```', 'A\n\n<\n\n```js\nx\n```\n\n>\nB'],
    ['of a row', '| a | b |', '| a | b |', '| <a | b >|'],
    ['that begins with emphasis', '**Bold.** More', '**Bold.**', '<**Bold.**> More'],
  ])('is marked without breaking the Markdown %s', (_what, text, quote, marked) => {
    const { start, end } = findQuote(text, quote) ?? { start: 0, end: 0 };
    const parts = splitAtMarks(insertEnds(text, start, end));
    expect(parts.map((part) => (typeof part === 'string' ? part : '<>'[part])).join('')).toBe(marked);
  });
});
