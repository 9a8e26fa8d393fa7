import { describe, expect, it } from 'vitest';
import {
  describeTableRow,
  describeTables,
  formatTable,
  formatTableRow,
  isTableDelimiterRow,
  splitTableRow,
} from '../../../src/domain/markdown/table.ts';

describe('splitTableRow', () => {
  it('trims the cells, whether or not the row has outer pipes', () => {
    expect(splitTableRow('|  Bread | 2 EUR |')).toEqual(['Bread', '2 EUR']);
    expect(splitTableRow('Bread | 2 EUR')).toEqual(['Bread', '2 EUR']);
  });

  it('keeps empty cells and escaped pipes', () => {
    expect(splitTableRow(String.raw`| a \| b |  | c |`)).toEqual(['a | b', '', 'c']);
  });
});

describe('formatTableRow', () => {
  it('writes cells that splitTableRow reads again', () => {
    const row = formatTableRow(['a | b', '', 'two\nlines']);
    expect(splitTableRow(row)).toEqual(['a | b', '', 'two lines']);
  });
});

describe('formatTable', () => {
  it('writes a table whose rows may be shorter than its head', () => {
    expect(formatTable(['a', 'b'], [['1'], ['2', '3']])).toBe('| a | b |\n|---|---|\n| 1 |\n| 2 | 3 |');
  });
});

describe('isTableDelimiterRow', () => {
  it.each(['|---|---|', '| :-- | --: |', '---|---'])('accepts %s', (line) => {
    expect(isTableDelimiterRow(line)).toBe(true);
  });

  it.each(['---', '| a | b |', '||', '- a | b'])('refuses %s', (line) => {
    expect(isTableDelimiterRow(line)).toBe(false);
  });
});

describe('describeTableRow', () => {
  it('puts its column name before each value', () => {
    expect(describeTableRow('| Loaf | Price |', '| Rye | 4 EUR |')).toBe('Loaf: Rye; Price: 4 EUR');
  });

  it('leaves out empty cells, and names no cell beyond the columns', () => {
    expect(describeTableRow('| Loaf | Price | |', '| Rye | | cut | new |')).toBe('Loaf: Rye; cut; new');
  });

  it('cuts a very long column name', () => {
    expect(describeTableRow(`| ${'n'.repeat(500)} |`, '| x |').length).toBeLessThan(100);
  });
});

describe('describeTables', () => {
  it('replaces each table by its names and one line per row, and keeps the lines around it', () => {
    const text = 'Prices:\n\n| Loaf | Price |\n|---|---|\n| Rye | 4 EUR |\n| Spelt | 5 EUR |\n\nOpen | daily';
    expect(describeTables(text)).toBe('Prices:\n\nLoaf; Price\nRye; Price: 4 EUR\nSpelt; Price: 5 EUR\n\nOpen | daily');
  });

  it('keeps the words of a table without rows', () => {
    expect(describeTables('| Loaf | Price |\n|---|---|')).toBe('Loaf; Price');
  });
});
