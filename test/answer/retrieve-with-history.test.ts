import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addArticles } from '../../bench/eval/articles.ts';
import { measureFollowUps } from '../../bench/eval/follow-ups.ts';
import { retrieve } from '../../src/answer/retrieve.ts';
import { retrieveWithHistory } from '../../src/answer/retrieve-with-history.ts';
import { articles, offTopic } from '../helpers/articles.ts';
import { addChatbot, addSource } from '../helpers/corpus.ts';
import { openTestDatabase } from '../helpers/databases.ts';

let database: Awaited<ReturnType<typeof openTestDatabase>>;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

function ask(
  { accountId, chatbotId }: { accountId: string; chatbotId: string },
  content: string,
  earlierQuestions: string[] = [],
) {
  const history = earlierQuestions.flatMap((question) => [
    { role: 'USER' as const, content: question },
    { role: 'ASSISTANT' as const, content: 'Submarines are yellow.' },
  ]);
  return retrieveWithHistory(database.db.read, accountId, chatbotId, content, history, 8);
}

describe('a shop', () => {
  let shop: Awaited<ReturnType<typeof addChatbot>>;

  beforeAll(async () => {
    shop = await addChatbot(database.db);
    const texts = [
      'Parcels to Norway take two days and cost nine euros.',
      'Refunds are paid in ten days.',
      'We sell tea.',
    ];
    await addSource(database.db, shop.accountId, shop.chatbotId, {
      title: 'Shop',
      passages: [...texts.map((text) => ({ text })), { text: 'A submarine is not sold: how is that?' }],
    });
  });

  const findBestText = async (content: string, earlierQuestions?: string[]) =>
    (await ask(shop, content, earlierQuestions)).hits[0]?.passage.text;

  it('finds passages for a question of stop words with the help of the previous question', async () => {
    expect(await findBestText('How is that?')).toMatch(/submarine/);
    expect(await findBestText('How is that?', ['Do you ship parcels to Norway?'])).toMatch(/Norway/);
  });

  it('finds passages for the second of two follow-ups with the help of the question before them', async () => {
    const earlierQuestions = ['Do you ship parcels to Norway?', 'Why?', 'With a zeppelin?'];
    expect(await findBestText('And why?', earlierQuestions)).toMatch(/Norway/);
  });

  it('uses the question alone if it is complete, or without history', async () => {
    const alone = await retrieve(database.db.read, shop.accountId, shop.chatbotId, 'Are refunds paid in ten days?', 8);
    expect(await ask(shop, 'Are refunds paid in ten days?', ['Do you sell tea?'])).toEqual(alone);
    const withoutHistory = await retrieve(database.db.read, shop.accountId, shop.chatbotId, 'Why?', 8);
    expect(await ask(shop, 'Why?')).toEqual(withoutHistory);
    const other = 'Which Roman emperor built the longest stone wall in Britain?';
    expect((await ask(shop, other, ['Do you ship parcels to Norway?'])).hits).toEqual((await ask(shop, other)).hits);
  });

  it('returns each passage once, and at most the limit', async () => {
    const { hits } = await ask(shop, 'And tea?', ['Do you ship parcels to Norway?']);
    const ids = hits.map(({ passage }) => passage.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(1);
    const few = await retrieveWithHistory(
      database.db.read,
      shop.accountId,
      shop.chatbotId,
      'tea',
      [{ role: 'USER', content: 'Norway' }],
      1,
    );
    expect(few.hits).toHaveLength(1);
  });
});

describe('twelve articles as one corpus', () => {
  it('finds the passage for at least 95 % of follow-ups, and answers at most 66 % of off-topic questions', async () => {
    const figures = await measureFollowUps(await addArticles(database.db, articles), offTopic);
    expect(figures.followUps).toBeGreaterThanOrEqual(95);
    // After a question about another passage, at most 4 % fewer questions find their own passage.
    expect(figures.asFirstMessage - figures.afterUnrelatedQuestion).toBeLessThanOrEqual(4);
    expect(figures.offTopicAnswered).toBeLessThanOrEqual(66);
  });
});
