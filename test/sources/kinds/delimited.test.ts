import { expect, it } from 'vitest';
import { readDelimited } from '../../../src/sources/kinds/delimited.ts';

it.each([
  ['commas', 'Loaf,Price,Note\nRye,4,"dark, heavy"\nSpelt,5,"says ""soft""\nand light"\n'],
  ['semicolons', 'Loaf;Price;Note\nRye;4;dark, heavy\nSpelt;5;"says ""soft"" and light"'],
  ['tabs', 'Loaf\tPrice\tNote\nRye\t4\tdark, heavy\nSpelt\t5\tsays "soft" and light'],
])('reads a table with %s', (_delimiter, text) => {
  expect(readDelimited(text)).toBe(
    '| Loaf | Price | Note |\n|---|---|---|\n| Rye | 4 | dark, heavy |\n| Spelt | 5 | says "soft" and light |',
  );
});

it('keeps empty cells, and drops empty rows', () => {
  expect(readDelimited('a,b,c\n1,,3\n,,\n\n4,5,')).toBe('| a | b | c |\n|---|---|---|\n| 1 |  | 3 |\n| 4 | 5 |  |');
});

it('keeps pipes in their cells', () => {
  expect(readDelimited('a,b\nx|y,1\nz,2')).toContain('| x\\|y | 1 |');
});

it.each([
  ['letters', 'Dear Ann, thank you.\nI will come, soon.\nYours, Bea'],
  ['names', 'Miller, Ann\nSmith, Bea\nJones, Cleo'],
  ['a poem', 'Roses are red,\nviolets are blue,\nbread is brown,'],
  ['lists', '- flour, water\n- salt, yeast\n- time, heat'],
  ['tables of Markdown', '| a, b | c |\n|---|---|\n| d, e | f |'],
  ['one line', 'a,b,c'],
  ['lines of different lengths', 'a,b\n1,2,3\n4,5'],
  ['sentences with semicolons', 'We bake; we sell.\nWe rest; we sleep.\nThat is all; really.'],
])('does not take %s for a table', (_what, text) => {
  expect(readDelimited(text)).toBeUndefined();
});
