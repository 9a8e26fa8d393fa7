import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
  expect(hits[0]?.score).toBeGreaterThan(0.4);
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
      { text: 'A person in office may be civil. Others, who are not there, show disobedience.' },
      { text: 'A person in office may show civil disobedience. Others, who are not, be there.' },
    ],
  });
  expect((await findTexts('civil disobedience of persons'))[0]).toContain('civil disobedience');
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

it('ranks the opening of a source first for a short question', async () => {
  const passages = [{ text: 'Acme is a parcel service.' }, { text: 'We like Acme, and Acme likes us.' }];
  await add({ title: 'Acme', passages });
  const { hits } = await ask('What is Acme?');
  expect(hits[0]?.passage.position).toBe(0);
});

it('ranks the passage first whose heading has the words of the question', async () => {
  const text = 'Choose one in the list and press the red button.';
  await add({
    title: 'Orders',
    passages: [
      { headingPath: ['Printing'], text: `${text} Afterwards you may cancel.` },
      { headingPath: ['How to cancel'], text: `${text} Afterwards you may print.` },
    ],
  });
  expect((await findTexts('cancel the red one in the list'))[0]).toMatch(/print\.$/);
});

it('ranks the passage first that repeats the words of the question in their order, stop words included', async () => {
  const texts = ['The porter lends keys: ask for one.', 'Ask the porter for the keys, he lends one.'];
  await add({ title: 'Office', passages: texts.map((text) => ({ text })) });
  expect((await findTexts('should I ask the porter for the keys'))[0]).toMatch(/^Ask the porter/);
});

it('prefers the page with further passages about the question', async () => {
  const text = 'The ferry leaves at noon from the old quay.';
  await add({ title: 'A', passages: [{ text: `${text} Bring a hat.` }, { text: 'Rowing boats are blue.' }] });
  await add({ title: 'B', passages: [{ text: `${text} Bring a coat and gloves.` }, { text: 'The ferry is blue.' }] });
  const { hits } = await ask('when does the ferry leave at the quay');
  expect(hits[0]?.title).toBe('B');
});

it('recognises words in other forms', async () => {
  const texts = ['Возврат товаров возможен за десять дней.', 'Доставка товара занимает два дня.'];
  await add({ title: 'Магазин', passages: texts.map((text) => ({ text })) });
  expect((await findTexts('сколько дней идёт доставкой товара'))[0]).toMatch(/^Доставка/);
});

it('shows passages of different sources that say nearly the same once, and keeps those under other headings', async () => {
  const text =
    'A kayak needs a life jacket, a paddle, a dry bag, a whistle, a rope and a map of the river before it leaves.';
  await add({ title: 'Kayaks', passages: [{ text }, { text }] });
  await add({ title: 'Kayaks', passages: [{ text: text.replace('leaves', 'starts') }] });
  await add({ title: 'Canoes', passages: [{ headingPath: ['What to pack'], text: 'A kayak too.' }] });
  await add({ title: 'Rafts', passages: [{ headingPath: ['What to leave'], text: 'A kayak too.' }] });
  const { hits } = await ask('kayak life jacket');
  expect(hits.map(({ title }) => title).toSorted()).toEqual(['Canoes', 'Kayaks', 'Kayaks', 'Rafts']);
});

describe('question-answer entries', () => {
  const addEntry = (question: string, answer: string) =>
    add({ title: question, type: 'QA', passages: [{ headingPath: [question], text: answer }] });

  it('ranks the entry first whose question asks for nothing else', async () => {
    await addEntry('Why was my card payment declined in another country?', 'Ask your bank.');
    await addEntry('Why was my card declined?', 'It may have expired.');
    expect((await findTexts('My card was declined'))[0]).toBe('It may have expired.');
  });

  it('ranks the entry with the question of the visitor above a page that repeats its words', async () => {
    await addEntry('How do I reset my password?', 'Press the link below the form.');
    await add({
      title: 'Password reset',
      passages: [{ text: 'Reset your password: a password reset sends a link to reset the password.' }],
    });
    expect((await findTexts('How do I reset my password?'))[0]).toBe('Press the link below the form.');
  });

  it('finds an entry by the words of its answer', async () => {
    await addEntry('What do you sell?', 'Kayaks, paddles and life jackets.');
    expect(await findTexts('paddles')).toEqual(['Kayaks, paddles and life jackets.']);
  });
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
