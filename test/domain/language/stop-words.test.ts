import { expect, it } from 'vitest';
import { foldText, foldVietnamese } from '../../../src/domain/language/folding.ts';
import lists from '../../../src/domain/language/stop-words.json' with { type: 'json' };
import { countStopWords } from '../../../src/domain/language/stop-words.ts';
import { toQueryWords } from '../../../src/domain/language/terms.ts';

it.each([
  ['What does express delivery cost?', ['express', 'delivery', 'cost']],
  ['When do you open, and where is the shop?', ['open', 'shop']],
  ['Who won the war?', ['won', 'war']],
  ['die casting', ['die', 'casting']],
  ['Wann kommt die Rechnung?', ['rechnung']],
  ['Où est la facture ?', ['facture']],
  ['¿Cuándo llega el pedido?', ['llega', 'pedido']],
  ['Kargo ücreti ne kadar?', ['kargo', 'ucreti']],
  ['Где мой заказ?', ['заказ']],
  ['배송비가 얼마예요?', ['배송비가']],
  ['Worauf beruht der Preis?', ['beruht', 'preis']],
  ['Huihui là gì?', ['huihui']],
  ['Сколько стоит доставка и какие есть сроки?', ['стоит', 'доставка', 'сроки']],
  ['भुगतान कैसे करें?', ['भुगतान']],
  ['送料はいくらですか。', ['送料']],
  ['أين طلبي؟', ['طلبي']],
])('leaves out the words of %j that only ask', (question, words) => {
  expect(toQueryWords(question).map(({ text }) => text)).toEqual(words);
});

it('counts the stop words of each language', () => {
  const counts = countStopWords(['und', 'oder', 'but']);
  expect(counts.get('de')).toBe(2);
  expect(counts.get('en')).toBe(1);
});

it('has lists of single words as texts are folded, so that every one of them can occur', () => {
  for (const [language, list] of Object.entries(lists)) {
    const fold = language === 'vi' ? foldVietnamese : foldText;
    for (const word of list.split(' ')) expect(fold(word)).toBe(word);
  }
});
