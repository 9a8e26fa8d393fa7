import { describe, expect, it } from 'vitest';
import { createStopFilter } from '../../src/models/stop-markers.ts';
import { createRandom } from '../helpers/random.ts';

const MARKERS = ['<|im_end|>', '<|eot_id|>', '<|endoftext|>', '<|end|>', '<end_of_turn>', '<｜end▁of▁sentence｜>'];

/** Pushes pieces of a text through a filter, and returns the shown text and pieces. */
function filterPieces(pieces: readonly string[]) {
  const filter = createStopFilter();
  const shown = pieces.map((piece) => filter.push(piece));
  return { text: shown.join('') + filter.flush(), shown, hasFoundMarker: filter.hasFoundMarker };
}

describe('a stop filter', () => {
  it.each(MARKERS)('ends the answer at %s, regardless of how the text is split', (marker) => {
    const whole = `Paris < London.${marker} And more.`;
    for (let at = 0; at <= whole.length; at++) {
      expect(filterPieces([whole.slice(0, at), whole.slice(at)])).toMatchObject({
        text: 'Paris < London.',
        hasFoundMarker: true,
      });
    }
    expect(filterPieces([...whole])).toMatchObject({ text: 'Paris < London.', hasFoundMarker: true });
  });

  it('keeps text that only resembles a marker, regardless of how it is split', () => {
    const random = createRandom(7);
    const words = ['<', '</', 's', '>', '<|', 'im_', 'end', '|>', '<end_of', '_turn', '<b>', ' ', '<｜', 'a < b'];
    for (let round = 0; round < 500; round++) {
      const whole = Array.from({ length: 8 }, () => words[random.below(words.length)]).join('');
      if (MARKERS.some((marker) => whole.includes(marker)) || /<\/s>\s*$/.test(whole)) continue;
      const at = random.below(whole.length + 1);
      expect(filterPieces([whole.slice(0, at), whole.slice(at)])).toMatchObject({ text: whole, hasFoundMarker: false });
    }
  });

  it('treats `</s>` as a marker if only white space follows, regardless of how the text is split', () => {
    for (const end of ['</s>', '</s>\n', '</s> \n\n ']) {
      const whole = `<s>3 €</s> 2 €${end}`;
      for (let at = 0; at <= whole.length; at++)
        expect(filterPieces([whole.slice(0, at), whole.slice(at)]).text).toBe('<s>3 €</s> 2 €');
      expect(filterPieces([...whole]).text).toBe('<s>3 €</s> 2 €');
    }
  });

  it('keeps `</s>` within the text, regardless of how it is split', () => {
    const whole = 'Was <s>3 €</s>\n\n 2 €, </s></s>.';
    for (let at = 0; at <= whole.length; at++)
      expect(filterPieces([whole.slice(0, at), whole.slice(at)])).toMatchObject({ text: whole, hasFoundMarker: false });
    expect(filterPieces([...whole]).text).toBe(whole);
  });

  it.each([
    'A turn ends with `<|im_end|>` in ChatML.',
    'It ends with `<|im_end|>`',
    'With ``a ` <|im_end|> b`` too.',
    'Three: `<|eot_id|>`, `<|end|>`,`<|im_start|>user`.',
    '```\n<|im_start|>user\nHi<|im_end|>\n```\nSo it is.',
    '- a:\n  ~~~jinja\n  <|user|>\n  ~~~\nb',
    'The token "<|im_end|>" and “<end_of_turn>” and \'<eos>\'.',
    'Strike with `</s>`',
  ])('keeps a marker that the text is about, regardless of how it is split: %j', (whole) => {
    for (let at = 0; at <= whole.length; at++)
      expect(filterPieces([whole.slice(0, at), whole.slice(at)])).toMatchObject({ text: whole, hasFoundMarker: false });
    expect(filterPieces([...whole]).text).toBe(whole);
    // The end of the answer is still found.
    for (let at = 0; at <= whole.length; at++) {
      const answer = `${whole}\n<|im_end|>\n<|im_start|>user`;
      expect(filterPieces([answer.slice(0, at), answer.slice(at)]).text).toBe(`${whole}\n`);
    }
  });

  it.each([
    ['A lone ` here.<|im_end|>', 'A lone ` here.'],
    ['A lone ` here.<|im_end|>\nuser: `Hi`', 'A lone ` here.'],
    [`A lone \` here.<|im_end|>${'x'.repeat(500)}`, 'A lone ` here.'],
    ['```js\nf();\n<|im_end|>\n', '```js\nf();\n'],
    ['```js\nf();\n```<|im_end|>more', '```js\nf();\n```'],
    ['He said "no"<|im_end|>', 'He said "no"'],
    ['He said “no”<|im_end|>“', 'He said “no”'],
  ])('ends the answer at a marker that is not part of it, regardless of how it is split: %j', (whole, expected) => {
    for (let at = 0; at <= whole.length; at++)
      expect(filterPieces([whole.slice(0, at), whole.slice(at)])).toMatchObject({
        text: expected,
        hasFoundMarker: true,
      });
    expect(filterPieces([...whole]).text).toBe(expected);
  });

  it('buffers only a possible start of a marker', () => {
    expect(filterPieces(['a <|im', '_start', ' b']).shown).toEqual(['a ', '', '<|im_start b']);
    expect(filterPieces(['1 < 2', '.']).shown).toEqual(['1 < 2', '.']);
  });
});
