import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import { retrieve } from '../../src/answer/retrieve.ts';
import { estimateTokens } from '../../src/answer/tokens.ts';
import { addChatbot, addSource, type SourceFixture } from '../helpers/corpus.ts';
import { openTestDatabase } from '../helpers/databases.ts';
import { QUESTION_DEFAULTS, readAnswer } from '../helpers/models/answers.ts';

const FALLBACK = "I don't know. 我不知道。";
const engine = createExtractiveEngine({ delayMs: 0 });
let database: Awaited<ReturnType<typeof openTestDatabase>>;
let chatbot: Awaited<ReturnType<typeof addChatbot>>;

beforeEach(async () => {
  database = await openTestDatabase();
  chatbot = await addChatbot(database.db);
});
afterEach(() => database.close());

const shop: SourceFixture = {
  title: 'Shop',
  url: 'https://example.com/shop',
  passages: [
    {
      headingPath: ['Refunds'],
      text: 'We are glad when you are. Refunds are paid within 10 days of the return. Ask us anything.',
    },
    { headingPath: ['Shipping'], text: 'We ship from Oslo 🚢 to all of Europe. Parcels to Norway take two days.' },
  ],
};

function add(source: SourceFixture) {
  return addSource(database.db, chatbot.accountId, chatbot.chatbotId, source);
}

async function ask(content: string, signal?: AbortSignal) {
  const retrieval = await retrieve(database.db.read, chatbot.accountId, chatbot.chatbotId, content, 5);
  return readAnswer(engine, { content, retrieval, fallbackMessage: FALLBACK }, signal);
}

const estimate = (question: string, answer: string) => ({
  ...{ inputTokens: estimateTokens(question), cachedTokens: 0 },
  ...{ outputTokens: estimateTokens(answer), reasoningTokens: 0 },
  isEstimated: true,
});

describe('an answer', () => {
  it('gives the definition that a question asks for, however often other passages mention the term', async () => {
    await add({
      title: 'Guide',
      passages: [
        { headingPath: ['Kettle'], text: 'Kettle is a server for tea. It is written in Go.' },
        {
          headingPath: ['Backup'],
          text: 'Stop Kettle, copy the Kettle file beside kettle.db, and start Kettle again.',
        },
      ],
    });
    expect((await ask('What is Kettle?')).text).toBe('Kettle is a server for tea.');
  });

  it('quotes the sentence that answers the question, and cites its passage', async () => {
    const { sourceId, passages } = await add(shop);
    const { text, citations } = await ask('When are refunds paid?');
    expect(text).toBe('Refunds are paid within 10 days of the return.');
    expect(citations).toEqual([
      {
        passageId: passages[0]?.id,
        sourceId,
        title: 'Shop',
        url: 'https://example.com/shop',
        quote: text,
        start: 0,
        end: text.length,
      },
    ]);
  });

  it('has citations that cover exactly the quoted words, right after their deltas', async () => {
    await add({
      ...shop,
      passages: [...shop.passages, { text: '- Parcels to Norway 🇳🇴 are\n  tracked\n- Refunds: ask' }],
    });
    const { text, citations, events } = await ask('parcels to Norway');
    expect(citations.length).toBeGreaterThan(1);
    for (const { quote, start, end } of citations) expect(text.slice(start, end)).toBe(quote);
    let emitted = '';
    for (const event of events) {
      if (event.type === 'delta') emitted += event.text;
      if (event.type === 'citation') expect(event.citation.end).toBe(emitted.length);
    }
  });

  it('has one paragraph for each passage, in the order of the source', async () => {
    await add({
      title: 'Tea',
      passages: [{ text: 'Green tea is steamed. Nothing else.' }, { text: 'Some words. Green tea is drunk hot.' }],
    });
    const { text } = await ask('green tea');
    expect(text).toBe('Green tea is steamed.\n\nGreen tea is drunk hot.');
  });

  it('leaves out sentences that score far below the best one', async () => {
    await add(shop);
    const { citations } = await ask('How long do parcels to Norway take?');
    expect(citations.map(({ quote }) => quote)).toEqual(['Parcels to Norway take two days.']);
  });

  it('quotes the same words once', async () => {
    await add({ title: 'A', passages: [{ text: 'Tea is hot.' }, { text: 'Tea is hot.' }] });
    expect((await ask('Is tea hot?')).text).toBe('Tea is hot.');
  });

  it('prefers the sentence that contains what the question asks for, such as a year', async () => {
    await add({
      title: 'Bridge',
      passages: [{ text: 'The bridge was built by many hands with care. The bridge was built in 1932 and is long.' }],
    });
    const { citations } = await ask('When was the bridge built?');
    expect(citations.some(({ quote }) => quote.includes('1932'))).toBe(true);
  });

  it('contains the definition if the question asks for one', async () => {
    await add({
      title: 'Acme',
      passages: [{ text: 'Welcome to Acme. Acme is a parcel service.' }, { text: 'Acme, Acme! Acme says so.' }],
    });
    expect((await ask('What is Acme?')).text).toContain('Acme is a parcel service.');
  });

  it('contains the whole answer of a question-answer entry, unchanged', async () => {
    const answer = 'Sure, it is easy:\n\n1. Open the menu.\n2. Choose **Security**.\n\nThat is all.';
    await add({ title: 'FAQ', type: 'QA', passages: [{ headingPath: ['How do I reset my password?'], text: answer }] });
    const { text, citations } = await ask('reset password');
    expect(text).toBe(answer);
    expect(citations).toHaveLength(1);
  });

  it('reads as prose: no heading, rule, marker or line break of the Markdown', async () => {
    await add({
      title: 'A',
      passages: [{ text: '## Tea\n\n| kind | price |\n|---|---|\n\n* Green tea\n  is five euros\n\n---' }],
    });
    expect((await ask('green tea')).text).toBe('Green tea is five euros');
  });

  it('contains the list that a sentence announces', async () => {
    await add({
      title: 'Start',
      passages: [{ text: 'To start the gateway, run:\n\n```sh\nnpm ci\nnpm start\n```\n\nEnjoy.' }],
    });
    expect((await ask('How do I start the gateway?')).text).toBe(
      'To start the gateway, run:\n\n```sh\nnpm ci\nnpm start\n```',
    );
  });
});

describe('an answer without a match', () => {
  it('is the fallback message, without citations', async () => {
    await add(shop);
    const { text, citations, events } = await ask('Who painted the ceiling of the chapel?');
    expect(text).toBe(FALLBACK);
    expect(citations).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: 'finish', reason: 'STOP' });
  });

  it('is the fallback message when only an unimportant word of the question occurs', async () => {
    await add(shop);
    expect((await ask('Which days did Napoleon spend on Elba with Murat?')).text).toBe(FALLBACK);
  });

  it('is the fallback message of a chatbot without sources, and of a question without words', async () => {
    expect((await ask('Anything?')).text).toBe(FALLBACK);
    expect((await ask('😀')).text).toBe(FALLBACK);
  });

  it('is empty but finished if there is no fallback message', async () => {
    const retrieval = { hits: [], confidence: 0, words: [], correctedQuestion: null };
    const { events } = await readAnswer(engine, { content: 'a', retrieval, fallbackMessage: '' });
    expect(events).toEqual([{ type: 'finish', reason: 'STOP', usage: estimate('a', '') }]);
  });
});

describe('the stream of an answer', () => {
  it('has one delta for each word, with all white space, and never splits a character', async () => {
    await add({ title: 'A', passages: [{ text: 'Tea “costs” 3.50 €, 👩‍💻🇳🇴 don’t ask. 绿茶很好。' }] });
    const { deltas, text } = await ask('What does tea cost?');
    expect(text).toContain('Tea “costs” 3.50 €, 👩‍💻🇳🇴 don’t ask.');
    expect(deltas.slice(0, 4)).toEqual(['Tea “', 'costs” ', '3.50 €, 👩‍💻🇳🇴 ', 'don’t ']);
    expect(deltas.every((delta) => delta.isWellFormed())).toBe(true);
  });

  it('separates the words of scripts without spaces', async () => {
    const { deltas } = await ask('?');
    expect(deltas.join('')).toBe(FALLBACK);
    expect(deltas.slice(-2).join('')).toMatch(/知道。$/);
    expect(deltas.length).toBeGreaterThan(4);
  });

  it('ends with the finish reason and an estimated usage', async () => {
    await add(shop);
    const { events, text } = await ask('When are refunds paid?');
    expect(events.filter(({ type }) => type === 'finish')).toEqual([
      {
        type: 'finish',
        reason: 'STOP',
        usage: estimate('When are refunds paid?', text),
      },
    ]);
    expect(events.at(-1)?.type).toBe('finish');
  });

  it('yields to the event loop between deltas', async () => {
    let turns = 0;
    const count = () => {
      turns += 1;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    const { deltas } = await ask('?');
    clearImmediate(immediate);
    expect(turns).toBeGreaterThanOrEqual(deltas.length);
  });

  it('ends at once, without an error or a finish, when the signal aborts during a delay', async () => {
    await add(shop);
    const slow = createExtractiveEngine({ delayMs: 60_000 });
    const retrieval = await retrieve(database.db.read, chatbot.accountId, chatbot.chatbotId, 'refunds', 5);
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    const { events } = await readAnswer(slow, { content: 'refunds', retrieval }, controller.signal);
    expect(events).toEqual([]);
  });

  it('is empty when the signal is already aborted', async () => {
    await add(shop);
    expect((await ask('When are refunds paid?', AbortSignal.abort())).events).toEqual([]);
  });

  it('ends midway when the reader aborts', async () => {
    await add(shop);
    const retrieval = await retrieve(database.db.read, chatbot.accountId, chatbot.chatbotId, 'refunds paid', 5);
    const controller = new AbortController();
    const question = {
      ...QUESTION_DEFAULTS,
      content: 'refunds paid',
      retrieval,
    };
    let count = 0;
    for await (const event of engine.answer(question, controller.signal)) {
      count += 1;
      expect(event.type).toBe('delta');
      if (count === 2) controller.abort();
    }
    expect(count).toBe(2);
  });
});
