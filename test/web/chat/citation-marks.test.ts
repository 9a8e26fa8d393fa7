import { describe, expect, it } from 'vitest';
import {
  insertMarks,
  insertSpanMarks,
  numberCitations,
  removeMarks,
  splitAtMarks,
} from '../../../src/web/chat/citation-marks.ts';
import { findQuote } from '../../../src/web/chat/quote.ts';

const citationEndingAt = (end: number, passage: string | null = `passage ${end}`) => ({
  start: 0,
  end,
  title: 'Title',
  url: null,
  quote: `quote ${end}`,
  passage: passage === null ? null : { id: passage, headingPath: [] },
});

/** Inserts marks at offsets into a text, and returns the text with the marks as numbers in brackets. */
function renderMarks(content: string, ...ends: number[]): string {
  const citations = numberCitations(ends.map((end, index) => citationEndingAt(end, `passage ${index}`)));
  return splitAtMarks(insertMarks(content, citations))
    .map((part) => (typeof part === 'string' ? part : `[${citations[part]?.number}]`))
    .join('');
}

describe('citation marks', () => {
  it('are at the end of their span, whose offsets count UTF-16 code units', () => {
    expect(renderMarks('One. Two.', 4, 9)).toBe('One.[1] Two.[2]');
    expect(renderMarks('Ä 😀. End', 5)).toBe('Ä 😀.[1] End');
    expect(renderMarks('One.', 4, 4)).toBe('One.[1][2]');
  });

  it('stay within the text, whatever offsets they have', () => {
    expect(renderMarks('One.', -1, 99)).toBe('[1]One.[2]');
  });

  it.each([
    ['after a code block', '```\ncode\n```', '```\ncode\n```\n\n[1]'],
    ['in the last cell of a table row', '| a | b |', '| a | b [1]|'],
  ])('are %s', (_where, content, marked) => {
    expect(renderMarks(content, content.length)).toBe(marked);
  });

  it('have the same number if they cite the same passage', () => {
    const citations = [
      citationEndingAt(9, 'b'),
      citationEndingAt(4, 'a'),
      citationEndingAt(12, 'b'),
      citationEndingAt(20, null),
    ];
    expect(numberCitations(citations).map(({ end, number }) => [end, number])).toEqual([
      [4, 1],
      [9, 2],
      [12, 2],
      [20, 3],
    ]);
  });

  it('differ from characters of the text itself', () => {
    expect(renderMarks('A\uFFFC\uE000\uFFFCB.', 6)).toBe('A\uFFFD\uFFFD\uFFFDB.[1]');
  });

  it('can be removed from a URL, encoded or not', () => {
    const marked = insertMarks('https://example.com/a', numberCitations([citationEndingAt(4)]));
    expect(removeMarks(marked)).toBe('https://example.com/a');
    expect(removeMarks(encodeURI(marked))).toBe('https://example.com/a');
  });
});

describe('a quote in a passage', () => {
  it('is found despite different line breaks', () => {
    expect(findQuote('A (b)\nc*d? End', '(b) c*d?')).toEqual({ start: 2, end: 10 });
  });

  it('is not found in a passage without it', () => {
    expect(findQuote('Other words', 'quote')).toBeUndefined();
    expect(findQuote('Other words', ' ')).toBeUndefined();
  });

  it.each([
    ['within a line', 'One two three', 'two', 'One <two> three'],
    ['of a heading', '# Title\nText', '# Title', '# <Title>\nText'],
    ['of list items', 'A:\n\n- one\n- two', '- one\n- two', 'A:\n\n- <one\n- two>'],
    ['of a code block', 'A\n\n```js\nx\n```\nB', '```js\nx\n```', 'A\n\n<\n\n```js\nx\n```\n\n>\nB'],
    ['of a table row', '| a | b |', '| a | b |', '| <a | b >|'],
    ['that begins with emphasis', '**Bold.** More', '**Bold.**', '<**Bold.**> More'],
  ])('is marked without breaking the Markdown: %s', (_what, text, quote, marked) => {
    const { start, end } = findQuote(text, quote) ?? { start: 0, end: 0 };
    const parts = splitAtMarks(insertSpanMarks(text, start, end));
    expect(parts.map((part) => (typeof part === 'string' ? part : '<>'[part])).join('')).toBe(marked);
  });
});
