import { describe, expect, it } from 'vitest';
import { singleLine } from '../../src/domain/input.ts';
import { toPlainLine, toPlainLines } from '../../src/domain/plain-text.ts';

const CONTROLS = [
  ...['\u001b', '\u0007', '\b', '\r', '\u007f', '\u0085', '\u009b', '\u061c', '\u200e', '\u200f'],
  ...['\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069', '\u2028', '\u2029'],
];
const HARMLESS = ['Zoë', '東京', 'مرحبا', 'a b', '👩\u200d💻', 'می\u200cخواهم', 'e\u0301', '<b>', '\\u001b'];

describe('a line of text', () => {
  it('is rejected if it contains terminal or text direction controls', () => {
    for (const control of [...CONTROLS, '\n', '\t', '\0']) {
      expect([control, singleLine(1, 9).safeParse(`a${control}b`).success]).toEqual([control, false]);
    }
  });

  it('may be in any language', () => {
    for (const text of HARMLESS) expect(singleLine(1, 9).parse(text)).toBe(text);
  });
});

it('escapes control characters, and nothing else', () => {
  for (const control of CONTROLS) {
    const escaped = `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
    expect(toPlainLine(`a${control}b`)).toBe(`a${escaped}b`);
    expect(toPlainLines(`a${control}\nb`)).toBe(`a${escaped}\nb`);
  }
  for (const text of HARMLESS) expect([toPlainLine(text), toPlainLines(text)]).toEqual([text, text]);
  expect([toPlainLine('a\n\tb'), toPlainLines('a\n\tb')]).toEqual(['a\\u000a\\u0009b', 'a\n\\u0009b']);
});

it('does not change the value of JSON', () => {
  const value = { [CONTROLS.join('')]: CONTROLS.join('"') };
  const json = toPlainLines(JSON.stringify(value));
  expect(json).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(json)).toEqual(value);
});
