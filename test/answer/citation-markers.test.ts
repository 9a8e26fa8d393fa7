import { describe, expect, it } from 'vitest';
import {
  type AnswerSegment,
  chooseSourceMarks,
  createMarkerReader,
  MAX_BUFFERED_CHARS,
} from '../../src/answer/citation-markers.ts';
import { writeSourceMark } from '../../src/answer/source-marks.ts';
import { createRandom } from '../helpers/random.ts';

/** Joins neighbouring texts into one segment. */
function join(pieces: readonly AnswerSegment[]): AnswerSegment[] {
  const joined: AnswerSegment[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (typeof piece === 'string' && typeof last === 'string') joined[joined.length - 1] = last + piece;
    else joined.push(piece);
  }
  return joined;
}

function readAll(deltas: readonly string[], sourceCount = 3, marks = chooseSourceMarks([])): AnswerSegment[] {
  const reader = createMarkerReader(sourceCount, marks);
  return join([...deltas.flatMap((delta) => reader.read(delta)), ...reader.end()]);
}

const MARKERS: [string, AnswerSegment[]][] = [
  ['Tea [1].', ['Tea', 1, '.']],
  ['Tea [1][2] and', ['Tea', 1, 2, ' and']],
  ['Tea [1] [2].', ['Tea', 1, 2, '.']],
  ['Tea [1], [2].', ['Tea', 1, 2, '.']],
  ['Tea [1, 2].', ['Tea', 1, 2, '.']],
  ['Tea [1,2,1].', ['Tea', 1, 2, '.']],
  ['Tea [1-3] [1–2].', ['Tea', 1, 2, 3, 1, 2, '.']],
  ['Tea [^1].', ['Tea', 1, '.']],
  ['Tea [[2]].', ['Tea', 2, '.']],
  ['Tea [Source 2] [citation:1].', ['Tea', 2, 1, '.']],
  ['茶【1】。', ['茶', 1, '。']],
  ['茶[1]。', ['茶', 1, '。']],
  ['Tea【1†source】 is 【2†L3-L5】.', ['Tea', 1, ' is', 2, '.']],
  ['Tea.[1] Hot. [2]', ['Tea.', 1, ' Hot.', 2]],
  ['10 days【1】【2】.', ['10 days', 1, 2, '.']],
  ['10 days [1][2].', ['10 days', 1, 2, '.']],
  ['f(x)【1】', ['f(x)', 1]],
  ['**Tea**[1] is', ['**Tea**', 1, ' is']],
  ['- 【1】 tea\n【2】 hot', ['-', 1, ' tea\n', 2, 'hot']],
  ['Tea.\n[1] [2]\nHot.', ['Tea.\n', 1, 2, '\nHot.']],
  ['Tea.\n[1].\n[2]', ['Tea.\n', 1, '.\n', 2]],
  ['Tea (see above) [1], (hot)[2]', ['Tea (see above)', 1, ', (hot)', 2]],
  ['"Tea" [1] and "hot"[2].', ['"Tea"', 1, ' and "hot"', 2, '.']],
  ['| tea | [1] |', ['| tea |', 1, ' |']],
  ['The price [1]: 3', ['The price', 1, ': 3']],
  ['A lone ` here [1]\nand [2].', ['A lone ` here [1]\nand', 2, '.']],
];

const UNSUPPORTED: [string, AnswerSegment[]][] = [
  ['Tea [4].', ['Tea.']],
  ['Tea [4][1, 99] is', ['Tea', 1, ' is']],
  ['Tea【7†source】.', ['Tea.']],
];

const LOOKALIKES = [
  'Tea [see below], [x], [ ], [] and [',
  'list[1] = 2, a[1], array[12] and f(a[0])',
  'matrix[1][2]',
  'The matrix[1][2], the row[1]. And the list[1]\n',
  'f(x)[1], f()[2], a["b"][1], $[1] and a?.[2]',
  'x = [1, 2], y ∈ [1-3]',
  '- [1] done\n- [2] open',
  '* [1] done\n1. [2] open\n2) [3] open\n> [1] quoted\n> - [2] quoted',
  '[1] done\n[2] open',
  'See below.\n\n[^1]: Title\n[^2]: Title',
  'r[[1]]',
  '## [1] Title\n\n### [2]',
  'The texts "[1]" and “[2]”',
  '`a [1]` and ``b ` [1]``',
  '```js\nx [1]\n``\n[2]\n```',
  '~~~\n[1]\n~~~',
  '- item:\n  ```\n  [1]\n  ```',
  '[1](https://example.com) and ![2](a.png)',
  '[tea][1]',
  '[1]: https://example.com',
  '[2024], [404] and [0, 1]',
  '[0-9] and [1-9]',
  '\\[1\\]',
  'cut off [1',
  'spaces at the end    ',
  '',
];

const ALL_TEXTS = [...MARKERS.map(([text]) => text), ...UNSUPPORTED.map(([text]) => text), ...LOOKALIKES];

describe('a marker', () => {
  it.each(MARKERS)('becomes the numbers of sources at its position: %s', (text, pieces) => {
    expect(readAll([text])).toEqual(pieces);
  });

  it.each(UNSUPPORTED)('is removed if there is no such source: %s', (text, pieces) => {
    expect(readAll([text])).toEqual(pieces);
  });

  it.each(LOOKALIKES)('is distinguished from text that resembles one: %j', (text) => {
    expect(readAll([text])).toEqual(text === '' ? [] : [text]);
  });

  it('is removed if there are no sources at all', () => {
    expect(readAll(['Tea [1] is hot.'], 0)).toEqual(['Tea is hot.']);
  });
});

describe('a bracket of a source', () => {
  it('is not a marker where an answer repeats it', () => {
    const marks = chooseSourceMarks(['Paid within 10 days [2], see [3–4].', 'matrix[1][2] and `[1]`']);
    expect(marks.tag).toBe('');
    for (const text of ['10 days [2].', 'See [3] and [4]', 'Both [1, 2].', 'As in [^2] and [Source 3]'])
      expect(readAll([text], 9, marks)).toEqual([text]);
    expect(readAll(['In matrix[1][2], paid [2]【1】【2】, hot [1] [5].'], 9, marks)).toEqual([
      ...['In matrix[1][2], paid [2]', 1, 2, ', hot', 1, 5, '.'],
    ]);
  });

  it('adds an unguessable tag to the marks of the prompt, if it looks like one of them', () => {
    const marks = chooseSourceMarks(['这是【1】。']);
    expect(marks.tag).toMatch(/^[a-z]{4}-$/);
    expect(chooseSourceMarks(['这是【2】。']).tag).not.toBe(marks.tag);
    const text = `茶【1】${writeSourceMark(1, marks)}，【2】${writeSourceMark(3, marks)}。`;
    const expected = ['茶【1】', 1, '，', 2, 3, '。'];
    expect(readAll([text], 3, marks)).toEqual(expected);
    for (let at = 0; at <= text.length; at += 1)
      expect(readAll([text.slice(0, at), text.slice(at)], 3, marks)).toEqual(expected);
  });
});

describe('the marker reader', () => {
  it('returns the same segments wherever a text is split in two', () => {
    const text = ALL_TEXTS.join('\n\n');
    const unsplit = readAll([text]);
    for (let at = 0; at <= text.length; at += 1) expect(readAll([text.slice(0, at), text.slice(at)])).toEqual(unsplit);
  });

  it('returns the same segments for random texts, in deltas of any size', () => {
    const random = createRandom(7);
    const parts = [
      ...ALL_TEXTS,
      ...[
        '[',
        ']',
        '1',
        ' ',
        '  ',
        ',',
        '-',
        '【',
        '†',
        '`',
        '```',
        '~~~',
        '\n',
        '(',
        'a',
        'é',
        '👍🏽',
        ':',
        '^',
        'source',
        '\\',
      ],
    ];
    for (let round = 0; round < 3_000; round += 1) {
      const text = Array.from({ length: 12 }, () => parts[random.below(parts.length)]).join('');
      const reader = createMarkerReader(3);
      const pieces: AnswerSegment[] = [];
      for (let at = 0; at < text.length; ) {
        const delta = text.slice(at, at + 1 + random.below(6));
        at += delta.length;
        pieces.push(...reader.read(delta));
      }
      expect(join([...pieces, ...reader.end()]), JSON.stringify(text)).toEqual(readAll([text]));
    }
  });

  it('buffers no more than the longest marker, whatever a text starts with', () => {
    for (const text of [
      '[1, '.repeat(99),
      `[1${' '.repeat(500)}`,
      `【1†${'x'.repeat(500)}`,
      '['.repeat(500),
      '`'.repeat(500),
    ]) {
      const reader = createMarkerReader(3);
      let returned = 0;
      for (const [index, character] of [...text].entries()) {
        returned += reader.read(character).join('').length;
        expect(index + 1 - returned).toBeLessThanOrEqual(MAX_BUFFERED_CHARS);
      }
      expect(returned + reader.end().join('').length).toBeLessThanOrEqual(text.length);
    }
  });

  it('returns words without brackets at once', () => {
    const reader = createMarkerReader(3);
    for (const word of ['Tea', ' is', ' hot', '.', '\n']) expect(reader.read(word)).toEqual([word]);
  });

  it('reads a long text at a small cost, and hostile texts in linear time', () => {
    for (const part of ['word ', '[', '[1', '[1]', ' [1, 2', '【1†', '`', '[source ', '\n```\n', '   ']) {
      const reader = createMarkerReader(8);
      const start = performance.now();
      for (let index = 0; index < 20_000; index += 1) reader.read(part);
      reader.end();
      createMarkerReader(8).read(part.repeat(50_000));
      expect(performance.now() - start).toBeLessThan(1_000);
    }
  });
});
