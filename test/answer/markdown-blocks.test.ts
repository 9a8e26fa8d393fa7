import { describe, expect, it } from 'vitest';
import { findBlocks } from '../../src/answer/markdown-blocks.ts';

const blocksOf = (text: string) => findBlocks(text).map(({ kind, start, end }) => [kind, text.slice(start, end)]);

function itemsOf(text: string) {
  const [block] = findBlocks(text);
  return block?.kind === 'LIST'
    ? block.items.map(({ textStart, end, depth }) => `${depth} ${text.slice(textStart, end)}`)
    : [];
}

describe('the blocks of a text', () => {
  it.each([
    ['are its paragraphs', 'One.\n\nTwo.', ['One.', 'Two.']],
    ['end at the end of a line', 'Monday: closed\nTuesday: open', ['Monday: closed', 'Tuesday: open']],
    ['contain lines that an editor wrapped', 'A line that was\nwrapped. Next.', ['A line that was\nwrapped. Next.']],
    ['lack the markers of quotations', '> Said. Done.', ['Said. Done.']],
    ['lack the marks of questions and answers', 'Q: Why?\nA: Because.', ['Why?', 'Because.']],
    ['are not images, rules and comments', '![a](b.png)\n\n---\n\n<!-- a -->\n\ntext', ['text']],
  ])('%s', (_, text, expected) => {
    expect(blocksOf(text)).toEqual(expected.map((paragraph) => ['PROSE', paragraph]));
  });

  it('are of the kinds heading, paragraph, list, table and code', () => {
    expect(blocksOf('# Tea\nHot.\n- green\n- black\n\n| a | b |\n|---|:-:|\n| c | d |\n```sh\nnpm ci\n```')).toEqual([
      ['HEADING', '# Tea'],
      ['PROSE', 'Hot.'],
      ['LIST', '- green\n- black'],
      ['TABLE', '| a | b |\n|---|:-:|\n| c | d |'],
      ['CODE', '```sh\nnpm ci\n```'],
    ]);
  });

  it('include code without a closing fence up to the end', () => {
    expect(blocksOf('Run:\n```\nnpm ci\n\nnpm start')).toEqual([
      ['PROSE', 'Run:'],
      ['CODE', '```\nnpm ci\n\nnpm start'],
    ]);
  });

  it.each(['', ' \n\n', '- \n', '|\n', '> ', '# '])('are no words in %j', (text) => {
    expect(findBlocks(text).filter(({ kind }) => kind === 'PROSE')).toEqual([]);
  });
});

describe('a list', () => {
  it('has items without their markers, and nested items', () => {
    expect(itemsOf('1. one\n   - a\n   - b\n2. [x] two\n* three')).toEqual([
      '0 one\n   - a\n   - b',
      '1 a',
      '1 b',
      '0 two',
      '0 three',
    ]);
  });

  it('goes on after empty lines and wrapped lines', () => {
    expect(itemsOf('- one\n\n- two\n  more\n\n  And more.\n\nAfter.')).toEqual([
      '0 one',
      '0 two\n  more\n\n  And more.',
    ]);
  });

  it.each([
    ['indented', '1. Stop:\n\n   ```sh\n   stop\n   ```\n\n2. Start.'],
    ['not indented', '1. Stop:\n\n```sh\nstop\n```\n\n2. Start.'],
    ['right below an item', '1. Stop:\n```sh\nstop\n```\n2. Start.'],
  ])('contains the code of its steps, %s', (_, text) => {
    expect(itemsOf(text)).toHaveLength(2);
    expect(blocksOf(text)).toHaveLength(1);
  });

  it('ends before code that no step follows, and before a list of another kind', () => {
    expect(blocksOf('1. One\n\n```\na\n```\n\nText').map(([kind]) => kind)).toEqual(['LIST', 'CODE', 'PROSE']);
    expect(blocksOf('1. One\n\n- two').map(([kind]) => kind)).toEqual(['LIST', 'LIST']);
  });
});

describe('a table', () => {
  const rowsOf = (text: string) =>
    findBlocks(text).flatMap((block) =>
      block.kind === 'TABLE' ? [block.head, ...block.rows.map(({ start, end }) => text.slice(start, end))] : [],
    );

  it('has the row of its column names, and rows without the pipes around them', () => {
    expect(rowsOf('| a | b |\n|---|---|\n| c | d |\n| e | |')).toEqual(['| a | b |', 'c | d', 'e']);
  });

  it('needs no outer pipes, but a delimiter row then', () => {
    expect(rowsOf('a | b\n---|---\nc | d')).toEqual(['a | b', 'c | d']);
    expect(blocksOf('a | b')).toEqual([['PROSE', 'a | b']]);
  });

  it('has no column names if it has no delimiter row', () => {
    expect(rowsOf('| | a | b | |')).toEqual(['', 'a | b']);
  });
});

it('finds the blocks of 256,000 characters of any text in less than a second', () => {
  const units = [
    'a',
    ' ',
    'a. ',
    '| ',
    '- x:\n',
    '> ',
    '1. ',
    '```\n',
    'word\n',
    '中',
    '1. a\n```\n',
    '- a\n\n',
    '\\|',
  ];
  for (const unit of units) {
    const text = unit.repeat(256_000 / unit.length);
    const start = performance.now();
    findBlocks(text);
    expect(performance.now() - start).toBeLessThan(1_000);
  }
});
