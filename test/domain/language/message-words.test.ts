import { expect, it } from 'vitest';
import { MAX_MESSAGE_WORDS, parseTextQuery, toMessageWords } from '../../../src/domain/language/message-words.ts';

/** Whether a message matches a query, by the rule that the index implements. */
function matches(query: string, text: string): boolean {
  const words = toMessageWords(text);
  const { words: whole, prefixes } = parseTextQuery(query) ?? { words: ['\0'], prefixes: [] };
  const hasPrefix = (prefix: string) => words.some((word) => word.startsWith(prefix));
  return whole.every((word) => words.includes(word)) && prefixes.every(hasPrefix);
}

it.each([
  ['parcel', 'Where is my parcel?'],
  ['PARCEL where', 'Where is my parcel?'],
  ['my par', 'Where is my parcel?'],
  ['cafe creme', 'Un café crème, s’il vous plaît'],
  ['Café', 'CAFE'],
  ['strasse', 'Hauptstraße, STRASSE, Straße 5'],
  ['STRASSE', 'straße'],
  ['STRAẞE', 'strasse'],
  ['οδος', 'ΟΔΟΣ'],
  ['οδοσ', 'οδός'],
  ['istanbul', 'İSTANBUL'],
  ['ısı', 'ISI'],
  ['ёлка', 'елка'],
  ['ﬁle', 'file'],
  ['ＡＢＣ１２', 'abc123'],
  ['ada@example.com', 'Write to <ada@example.com>.'],
  ['order 10-25', 'Order no. 10-25-7'],
  ['京都', '昨日は京都タワーに行きました'],
  ['都タワ', '昨日は京都タワーに行きました'],
  ['京', '京'],
  ['た', '昨日は行きました。'],
  ['ｱﾌﾟﾘ', 'アプリが開かない'],
  ['iPhone手機', '我的iPhone手機壞了'],
  ['배송', '무료배송은 언제 와요?'],
  ['배송 언제', '무료배송은 언제 와요?'],
  ['요', '언제 와요'],
  ['ราคา', 'สอบถามราคาสินค้า'],
  ['हिन्दी', 'यह हिन्दी है'],
  ['مدرسه', 'مَدْرَسه'],
  ['thanks \u2764\ufe0f', 'Thanks \u2764'],
  ['step 1', 'Step 1\ufe0f\u20e3'],
  ['葛飾区', '葛\u{e0100}飾区'],
  ['hyphenation', 'hyphen\u00adation'],
])('finds %j in %j', (query, text) => {
  expect(matches(query, text)).toBe(true);
});

it.each([
  ['arcel', 'parcel'],
  ['par my', 'Where is my parcel?'],
  ['parcels', 'parcel'],
  ['parcel lost', 'Where is my parcel?'],
  ['京大', '京都大学'],
  ['배달', '무료배송은 언제 와요?'],
  ['とう', 'うと'],
])('does not find %j in %j', (query, text) => {
  expect(matches(query, text)).toBe(false);
});

it.each(['', ' ', '?!', '"*" -^()', '😀', '\u2764\ufe0f', '\u0e31', '\0', '\ud800'])('finds no words in %j', (text) => {
  expect(parseTextQuery(text)).toBeUndefined();
  expect(toMessageWords(text)).toEqual([]);
});

it('makes words of letters, marks and digits only, of bounded length and number', () => {
  const hostile = `"a" OR b* NEAR(c) 'd':* & !e <-> f\\ ${'x'.repeat(1_000)}${'\u0301'.repeat(60_000)} ${'漢'.repeat(50)}`;
  const { words, prefixes } = parseTextQuery(hostile) ?? { words: [], prefixes: [] };
  for (const word of [...words, ...prefixes, ...toMessageWords(hostile)]) {
    expect(word).toMatch(/^[\p{L}\p{M}\p{N}]{1,64}$/u);
  }
  const many = Array.from({ length: 2 * MAX_MESSAGE_WORDS }, (_, index) => `w${index}`);
  expect(toMessageWords(many.join(' '))).toEqual(many.slice(0, MAX_MESSAGE_WORDS));
  expect(toMessageWords('again Again, AGAIN!')).toEqual(['again']);
});
