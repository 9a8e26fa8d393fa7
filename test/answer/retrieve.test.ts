import { afterEach, beforeEach, expect, it } from 'vitest';
import { retrieve } from '../../src/answer/retrieve.ts';
import { addChatbot, addSource, type SourceFixture } from '../helpers/corpus.ts';
import { openTestDatabase } from '../helpers/databases.ts';

let database: Awaited<ReturnType<typeof openTestDatabase>>;
let ours: Awaited<ReturnType<typeof addChatbot>>;

beforeEach(async () => {
  database = await openTestDatabase();
  ours = await addChatbot(database.db);
});
afterEach(() => database.close());

function add(source: SourceFixture, chatbot = ours) {
  return addSource(database.db, chatbot.accountId, chatbot.chatbotId, source);
}

function ask(question: string, limit = 5) {
  return retrieve(database.db.read, ours.accountId, ours.chatbotId, question, limit);
}

async function findTexts(question: string) {
  return (await ask(question)).hits.map(({ passage }) => passage.text);
}

it('finds the only passage of a chatbot', async () => {
  await add({ title: 'Note', passages: [{ text: 'Our office is closed on Mondays.' }] });
  const { hits, confidence } = await ask('Is the office closed on Mondays?');
  expect(hits).toHaveLength(1);
  expect(hits[0]?.score).toBe(confidence);
  expect(confidence).toBeGreaterThan(0.4);
});

it('ranks the passage first that contains more and rarer words of the question', async () => {
  await add({
    title: 'Shop',
    passages: [
      { text: 'The shop sells tea.' },
      { text: 'The shop ships tea to Norway.' },
      { text: 'The shop sells coffee and tea.' },
    ],
  });
  expect((await findTexts('Does the shop ship to Norway?'))[0]).toBe('The shop ships tea to Norway.');
});

it('ranks the passage first in which the words of the question are neighbours', async () => {
  await add({
    title: 'Law',
    passages: [
      { text: 'A person in office may be civil. Others show disobedience there.' },
      { text: 'A person in office may show civil disobedience. Others be there.' },
    ],
  });
  expect((await findTexts('civil disobedience'))[0]).toContain('civil disobedience');
});

it('returns scores from 0 to 1, best first, and at most the limit', async () => {
  await add({
    title: 'A',
    passages: Array.from({ length: 120 }, (_, index) => ({ text: `tea ${'leaf '.repeat(index)}` })),
  });
  const { hits } = await ask('tea leaf', 100);
  expect(hits).toHaveLength(100);
  const scores = hits.map(({ score }) => score);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  expect(Math.max(...scores)).toBeLessThanOrEqual(1);
  expect(Math.min(...scores)).toBeGreaterThan(0);
});

it('keeps the order of the source among equal scores', async () => {
  await add({
    title: 'A',
    passages: Array.from({ length: 5 }, (_, index) => ({ headingPath: [`h${index}`], text: 'tea' })),
  });
  const { hits } = await ask('tea');
  expect(hits.map(({ passage }) => passage.position)).toEqual([0, 1, 2, 3, 4]);
});

it('ranks the opening of a source first for a short question, without raising the confidence', async () => {
  const passages = [{ text: 'Acme is a parcel service.' }, { text: 'We like Acme, and Acme likes us.' }];
  await add({ title: 'Acme', passages });
  const { hits, confidence } = await ask('What is Acme?');
  expect(hits[0]?.passage.position).toBe(0);
  expect(confidence).toBeLessThan(hits[0]?.score ?? 0);
});

it('finds Chinese by a word inside a sentence', async () => {
  await add({ title: '公司', passages: [{ text: '我们的办公室在北京。' }, { text: '退款需要十天。' }] });
  expect((await findTexts('退款要多久？'))[0]).toBe('退款需要十天。');
});

it('finds Thai by a word inside a sentence', async () => {
  await add({ title: 'ร้าน', passages: [{ text: 'ร้านเปิดทุกวันจันทร์' }, { text: 'การคืนเงินใช้เวลาสิบวัน' }] });
  expect((await findTexts('คืนเงินกี่วัน'))[0]).toBe('การคืนเงินใช้เวลาสิบวัน');
});

it('returns no hits and no confidence if no word of the question occurs, or the question has no words', async () => {
  await add({ title: 'A', passages: [{ text: 'tea' }] });
  expect(await ask('submarine')).toMatchObject({ hits: [], confidence: 0 });
  expect(await ask('😀')).toMatchObject({ hits: [], confidence: 0 });
});

it("does not depend on another chatbot's words", async () => {
  await add({ title: 'A', passages: [{ text: 'green tea' }, { text: 'black tea' }, { text: 'green leaves' }] });
  const before = await ask('green tea leaves');
  const texts = Array.from({ length: 200 }, () => ({ text: 'green green green' }));
  await add({ title: 'tea', passages: texts }, await addChatbot(database.db));
  await add({ title: 'tea', passages: texts }, await addChatbot(database.db, ours.accountId));
  expect(await ask('green tea leaves')).toEqual(before);
});

it('is cheap for the longest question', async () => {
  await add({ title: 'A', passages: Array.from({ length: 300 }, () => ({ text: 'tea leaf water '.repeat(100) })) });
  const start = performance.now();
  await ask('tea leaf water cup pot '.repeat(350));
  expect(performance.now() - start).toBeLessThan(500);
});
