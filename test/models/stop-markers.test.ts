import { describe, expect, it } from 'vitest';
import { createStopFilter } from '../../src/models/stop-markers.ts';
import { createRandom } from '../helpers/random.ts';

const MARKERS = ['<|im_end|>', '<|eot_id|>', '<|endoftext|>', '<|end|>', '<end_of_turn>', '<｜end▁of▁sentence｜>'];

/** Pushes pieces as a reader does, and gives what came out. */
function read(pieces: readonly string[]) {
  const filter = createStopFilter();
  const shown = pieces.map((piece) => filter.push(piece));
  return { text: shown.join('') + filter.flush(), shown, isOver: filter.isOver };
}

describe('a stop filter', () => {
  it.each(MARKERS)('ends the answer at %s, wherever it is cut', (marker) => {
    const whole = `Paris < London.${marker} And more.`;
    for (let at = 0; at <= whole.length; at++) {
      expect(read([whole.slice(0, at), whole.slice(at)])).toMatchObject({ text: 'Paris < London.', isOver: true });
    }
    expect(read([...whole])).toMatchObject({ text: 'Paris < London.', isOver: true });
  });

  it('loses nothing of a text that only looks like a marker, however it is cut', () => {
    const random = createRandom(7);
    const words = ['<', '</', 's', '>', '<|', 'im_', 'end', '|>', '<end_of', '_turn', '<b>', ' ', '<｜', 'a < b'];
    for (let round = 0; round < 500; round++) {
      const whole = Array.from({ length: 8 }, () => words[random.below(words.length)]).join('');
      if (MARKERS.some((marker) => whole.includes(marker)) || /<\/s>\s*$/.test(whole)) continue;
      const at = random.below(whole.length + 1);
      expect(read([whole.slice(0, at), whole.slice(at)])).toMatchObject({ text: whole, isOver: false });
    }
  });

  it('takes `</s>` for a marker where nothing but white space comes after it, however it is cut', () => {
    for (const end of ['</s>', '</s>\n', '</s> \n\n ']) {
      const whole = `<s>3 €</s> 2 €${end}`;
      for (let at = 0; at <= whole.length; at++)
        expect(read([whole.slice(0, at), whole.slice(at)]).text).toBe('<s>3 €</s> 2 €');
      expect(read([...whole]).text).toBe('<s>3 €</s> 2 €');
    }
  });

  it('leaves `</s>` where it stands in the text, however it is cut', () => {
    const whole = 'Was <s>3 €</s>\n\n 2 €, </s></s>.';
    for (let at = 0; at <= whole.length; at++)
      expect(read([whole.slice(0, at), whole.slice(at)])).toMatchObject({ text: whole, isOver: false });
    expect(read([...whole]).text).toBe(whole);
  });

  it('holds back only what may become a marker', () => {
    expect(read(['a <|im', '_start', ' b']).shown).toEqual(['a ', '', '<|im_start b']);
    expect(read(['1 < 2', '.']).shown).toEqual(['1 < 2', '.']);
  });
});
