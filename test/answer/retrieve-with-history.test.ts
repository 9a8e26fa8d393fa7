import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addArticles } from '../../bench/eval/articles.ts';
import { measureFollowUps } from '../../bench/eval/follow-ups.ts';
import { retrieve } from '../../src/answer/retrieve.ts';
import { retrieveWithHistory } from '../../src/answer/retrieve-with-history.ts';
import { articles, offTopic } from '../helpers/articles.ts';
import { addChatbot, addSource } from '../helpers/corpus.ts';
import { openTestDatabase } from '../helpers/databases.ts';

let corpus: Awaited<ReturnType<typeof openTestDatabase>>;
beforeAll(async () => {
  corpus = await openTestDatabase();
});
afterAll(() => corpus.close());

function ask(
  { accountId, chatbotId }: { accountId: string; chatbotId: string },
  content: string,
  asked: string[] = [],
) {
  const history = asked.flatMap((said) => [
    { role: 'USER' as const, content: said },
    { role: 'ASSISTANT' as const, content: 'Submarines are yellow.' },
  ]);
  return retrieveWithHistory(corpus.db.read, accountId, chatbotId, content, history, 8);
}

describe('a shop', () => {
  let shop: Awaited<ReturnType<typeof addChatbot>>;

  beforeAll(async () => {
    shop = await addChatbot(corpus.db);
    const texts = [
      'Parcels to Norway take two days and cost nine euros.',
      'Refunds are paid in ten days.',
      'We sell tea.',
    ];
    await addSource(corpus.db, shop.accountId, shop.chatbotId, {
      title: 'Shop',
      passages: [...texts.map((text) => ({ text })), { text: 'A submarine is not sold: how is that?' }],
    });
  });

  const best = async (content: string, asked?: string[]) => (await ask(shop, content, asked)).hits[0]?.passage.text;

  it('finds passages for a question of stop words by the previous question', async () => {
    expect(await best('How is that?')).toMatch(/submarine/);
    expect(await best('How is that?', ['Do you ship parcels to Norway?'])).toMatch(/Norway/);
  });

  it('finds passages for two follow-ups in a row by the question before them', async () => {
    expect(await best('And why?', ['Do you ship parcels to Norway?', 'Why?', 'With a zeppelin?'])).toMatch(/Norway/);
  });

  it('uses the question alone if it is complete, or without history', async () => {
    const alone = await retrieve(corpus.db.read, shop.accountId, shop.chatbotId, 'Are refunds paid in ten days?', 8);
    expect(await ask(shop, 'Are refunds paid in ten days?', ['Do you sell tea?'])).toEqual(alone);
    const nothing = await retrieve(corpus.db.read, shop.accountId, shop.chatbotId, 'Why?', 8);
    expect(await ask(shop, 'Why?')).toEqual(nothing);
    const other = 'Which Roman emperor built the longest stone wall in Britain?';
    expect((await ask(shop, other, ['Do you ship parcels to Norway?'])).hits).toEqual((await ask(shop, other)).hits);
  });

  it('returns each passage once, and at most the limit', async () => {
    const { hits } = await ask(shop, 'And tea?', ['Do you ship parcels to Norway?']);
    const ids = hits.map(({ passage }) => passage.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(1);
    const few = await retrieveWithHistory(
      corpus.db.read,
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
  it('finds the right passage for 95 % of follow-ups, loses 4 % after another question, and answers 15 % of off-topic ones', async () => {
    const figures = await measureFollowUps(await addArticles(corpus.db, articles), offTopic);
    expect(figures.followUps).toBeGreaterThanOrEqual(95);
    expect(figures.alone - figures.afterAnother).toBeLessThanOrEqual(4);
    expect(figures.offTopicAnswered).toBeLessThanOrEqual(15);
  });
});
