import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { scoreTerms } from '../../../src/answer/score-passage.ts';
import { countWords, toIndexTerms, toQueryWords } from '../../../src/domain/language/terms.ts';

interface Pair {
  readonly source: string;
  readonly question: string;
}

const FOLDER = new URL('../../fixtures/inflected/', import.meta.url);
const LANGUAGES = (await readdir(FOLDER)).filter((name) => name.endsWith('.json'));

/** The sources in the order of their scores for the question, without those that have nothing in common with it. */
function rankSources(question: string, sources: readonly string[]): string[] {
  const words = toQueryWords(question).map((word) => ({ ...word, weight: 1 }));
  return sources
    .map((source) => {
      const terms = toIndexTerms(source);
      const count = countWords(terms);
      return { source, score: scoreTerms(terms.slice(0, count), words, 1, terms.slice(count)) };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ source }) => source);
}

it.each(LANGUAGES)('finds nine of ten sources by words in other inflections: %s', async (name) => {
  const pairs: readonly Pair[] = JSON.parse(await readFile(new URL(name, FOLDER), 'utf8'));
  const sources = pairs.map(({ source }) => source);
  const missed = pairs.filter(({ question, source }) => !rankSources(question, sources).slice(0, 3).includes(source));
  expect(missed.length).toBeLessThanOrEqual(pairs.length / 10);
});

it.each([
  ['Standardlieferung', 'Wie lange dauert die Lieferung?'],
  ['Die Zimmer sind bereit.', 'Wann kann ich in mein Hotelzimmer?'],
  ['무료배송은 없습니다.', '배송이 무료인가요?'],
  ['책을 두 권 빌립니다.', '책이 몇 권인가요?'],
  ['設定画面で変更できます。', '変えたいです。'],
  ['お支払いは月末です。', '支払う日はいつですか?'],
  ['Phí vận chuyển là 30.000 đồng.', 'phi van chuyen bao nhieu'],
  ['يمكن دفع الفاتورة', 'كيف أدفع والفاتورة؟'],
  ['Straße', 'Strassen'],
  ['Kapı', 'kapi'],
  ['Η οδός', 'ΟΔΟΣ'],
  ['کتاب ۱۲', 'كتاب 12'],
  ['The deli-\nvery', 'delivery'],
  ["l'eau froide", 'eau'],
  ["Newton's laws", 'newton'],
])('finds %j by %j', (source, question) => {
  expect(rankSources(question, [source])).toEqual([source]);
});

it.each([
  ['Con chó', 'chợ'],
  ['A photo of a ship is in the hall.', 'What is photosynthesis?'],
  ['마을은 작습니다.', '마'],
])('does not find %j by %j', (source, question) => {
  expect(rankSources(question, [source])).toEqual([]);
});
