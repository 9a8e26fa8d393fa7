import { describe, expect, it } from 'vitest';
import { renderLines, renderProse, renderRow } from '../../src/answer/render-quote.ts';

const plain = { keepsLinks: false };

describe('a rendered sentence', () => {
  it.each([
    [
      'has the text of links',
      'See [the `lid` page](/docs/lid.md#top "Lid") and [lids][1].',
      'See the `lid` page and lids.',
    ],
    ['has no images and badges', '![lid](lid.png) Open [![ok](a.svg)](b) it.', 'Open it.'],
    ['has no tags', 'The <b>lid</b><br/>is <kbd class="x">blue</kbd>.', 'The lid is blue.'],
    ['has no emphasis', 'The **big** and *blue* _lid_ of __all lids__.', 'The big and blue lid of all lids.'],
    ['keeps names and sums', 'A snake_case_name, 2 * 3 * 4, and <name>.', 'A snake_case_name, 2 * 3 * 4, and <name>.'],
    ['keeps code', 'Use `[a](b) **c** <br>` here.', 'Use `[a](b) **c** <br>` here.'],
    ['has no footnote marks', 'Blue.[^1]', 'Blue.'],
    ['has the address of an automatic link', 'At <https://lid.example>.', 'At https://lid.example.'],
    ['is one line', 'One\n> two\n  three', 'One two three'],
  ])('%s', (_, text, expected) => {
    expect(renderProse(text, plain)).toBe(expected);
  });

  it('keeps links to other sites on demand', () => {
    expect(renderProse('[a](https://a.example/) [b](/b)', { keepsLinks: true })).toBe('[a](https://a.example/) b');
  });
});

it('joins the wrapped lines of a list, and keeps nested items and code', () => {
  const text = '  - one\n    more\n    - two\n\n  - three\n    ```\n    a **b**\n      c\n    ```';
  expect(renderLines(text, { start: 2, end: text.length }, plain)).toBe(
    '- one more\n  - two\n\n- three\n  ```\n  a **b**\n    c\n  ```',
  );
});

it('names the columns of a row', () => {
  expect(renderRow('| plan | price |', '**Basic** | 10', plain)).toBe('plan: Basic; price: 10');
  expect(renderRow('', 'a | b', plain)).toBe('a; b');
});
