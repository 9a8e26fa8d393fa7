import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bandOf } from '../../src/answer/confidence.ts';
import { retrieve } from '../../src/answer/retrieve.ts';
import { retrieveWithHistory } from '../../src/answer/retrieve-with-history.ts';
import { addChatbot, addSource, openCorpus } from '../helpers/corpus.ts';
import { addArticles, articles, offTopic } from '../helpers/squad.ts';

/** Questions that say nothing by themselves, or little. */
const FOLLOW_UPS = [
  ...['And how much is that?', 'Why?', 'When was that?', 'Who did it?', 'Tell me more about that', 'And where is it?'],
  ...['What about in 1990?', 'How did they do it?', 'What else?', 'Is it still so today?', 'Which is the largest?'],
  ...['How much does it cost per year?', 'Can you explain that in more detail?', 'And what is the main reason for it?'],
];

let corpus: Awaited<ReturnType<typeof openCorpus>>;
beforeAll(async () => {
  corpus = await openCorpus();
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

  it('finds by the last question what a question of stop words asks about', async () => {
    expect(await best('How is that?')).toMatch(/submarine/);
    expect(await best('How is that?', ['Do you ship parcels to Norway?'])).toMatch(/Norway/);
  });

  it('finds by the question before it what two follow-ups in a row ask about', async () => {
    expect(await best('And why?', ['Do you ship parcels to Norway?', 'Why?', 'With a zeppelin?'])).toMatch(/Norway/);
  });

  it('goes by the question alone where that stands for itself, or there is no history', async () => {
    const alone = await retrieve(corpus.db.read, shop.accountId, shop.chatbotId, 'Are refunds paid in ten days?', 8);
    expect(await ask(shop, 'Are refunds paid in ten days?', ['Do you sell tea?'])).toEqual(alone);
    const nothing = await retrieve(corpus.db.read, shop.accountId, shop.chatbotId, 'Why?', 8);
    expect(await ask(shop, 'Why?')).toEqual(nothing);
    const other = 'Which Roman emperor built the longest stone wall in Britain?';
    expect((await ask(shop, other, ['Do you ship parcels to Norway?'])).hits).toEqual((await ask(shop, other)).hits);
  });

  it('gives each passage once, and no more than asked for', async () => {
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

describe('ten articles as one corpus', () => {
  it('has the right passage for 88 % of follow-ups, keeps it for all but 1 % of others, and 80 % of off-topic ones out', async () => {
    const chatbot = await addArticles(corpus.db, articles);
    const { questions } = chatbot;
    const has = ({ hits }: Awaited<ReturnType<typeof ask>>, id: string) =>
      hits.some(({ passage }) => passage.id === id);
    const counts = { followUps: 0, alone: 0, others: 0, outside: 0 };
    for (const [index, { question, passageId }] of questions.entries()) {
      const followUp = FOLLOW_UPS[index % FOLLOW_UPS.length] ?? '';
      const stranger = questions[(index * 37) % questions.length]?.question ?? '';
      const outside = await ask(chatbot, offTopic[index % offTopic.length] ?? '', [question]);
      counts.followUps += Number(has(await ask(chatbot, followUp, [question]), passageId));
      counts.alone += Number(has(await ask(chatbot, question), passageId));
      counts.others += Number(has(await ask(chatbot, question, [stranger]), passageId));
      counts.outside += Number(bandOf(outside.confidence) !== 'NONE');
    }
    const share = (count: number) => (100 * count) / questions.length;
    expect(share(counts.followUps)).toBeGreaterThanOrEqual(88);
    expect(share(counts.alone) - share(counts.others)).toBeLessThanOrEqual(1);
    expect(share(counts.outside)).toBeLessThanOrEqual(20);
  });
});
