import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { retrieve } from '../../src/answer/retrieve.ts';
import { retrieveByMeaning } from '../../src/answer/retrieve-by-meaning.ts';
import { createLogger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createEmbedder, type Embedder } from '../../src/models/embedder.ts';
import { saveVectors } from '../../src/store/search/vectors.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { addChatbot, addSource, type SourceFixture } from '../helpers/corpus.ts';
import { describeDatabases, openTestDatabase } from '../helpers/databases.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import { embedText, type FakeEmbeddings, sendError, startFakeEmbeddings } from '../helpers/models/fake-embeddings.ts';

const TEXTS = [
  'Reimbursement takes ten days.',
  'Our bakery opens at seven.',
  'Packages leave the warehouse every evening.',
  'Bicycles are mended in the yard.',
];

describeDatabases('search by meaning', (engine) => {
  let database: Awaited<ReturnType<typeof openTestDatabase>>;
  let ours: Awaited<ReturnType<typeof addChatbot>>;
  let server: FakeEmbeddings;
  let embedder: Embedder;
  beforeEach(async () => {
    database = await openTestDatabase(engine);
    ours = await addChatbot(database.db);
    server = await startFakeEmbeddings();
    embedder = createEmbedder(
      { baseUrl: server.url, apiKey: undefined, model: 'small' },
      { fetch, logger: createLogger('silent'), metrics: createMetrics() },
    );
  });
  afterEach(() => database.close());

  async function add(texts: readonly string[], chatbot = ours, type: SourceFixture['type'] = 'TEXT') {
    const source = { title: 'T', type, passages: texts.map((text) => ({ text })) };
    const { passages } = await addSource(database.db, chatbot.accountId, chatbot.chatbotId, source);
    const vectors = new Map(passages.map(({ id, text }) => [id, Float32Array.from(embedText(text))]));
    await database.db.transaction((trx) => saveVectors(trx, 'small', vectors));
  }

  const find = (question: string, limit = 8, used: Embedder | undefined = embedder) =>
    retrieveByMeaning(database.db.read, used, ours.accountId, ours.chatbotId, question, limit);
  const findTexts = async (question: string, limit?: number) =>
    (await find(question, limit)).hits.map(({ passage }) => passage.text);

  it('finds a passage that shares no word with the question', async () => {
    await add(TEXTS);
    expect((await retrieve(database.db.read, ours.accountId, ours.chatbotId, 'refunds?', 8)).hits).toEqual([]);
    const [first] = (await find('refunds?')).hits;
    expect(first).toMatchObject({ passage: { text: TEXTS[0] }, title: 'T', url: null, sourceType: 'TEXT' });
    expect((await findTexts('Where is my parcel?', 1))[0]).toBe(TEXTS[2]);
  });

  it('prefers the passage with the words of the question, and of equal ones that of its meaning', async () => {
    await add([...TEXTS, 'Parcel prices depend on the weight.']);
    expect((await findTexts('parcel weight'))[0]).toBe('Parcel prices depend on the weight.');
    await add(['The yard has a shop for a bike.', 'The yard has a shop for a cake.']);
    expect((await findTexts('bicycle shop')).slice(0, 2)).toEqual([
      'The yard has a shop for a bike.',
      expect.any(String),
    ]);
  });

  it('scores hits from 0 to 1, best first, and keeps the confidence of the words', async () => {
    await add(TEXTS);
    const byWords = await retrieve(database.db.read, ours.accountId, ours.chatbotId, 'bicycles mended', 8);
    const { hits, confidence } = await find('bicycles mended');
    expect(confidence).toBe(byWords.confidence);
    const scores = hits.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    for (const score of scores) expect(score >= 0 && score <= 1).toBe(true);
  });

  it('returns at most `limit` hits', async () => {
    await add(TEXTS);
    expect((await find('refunds', 2)).hits).toHaveLength(2);
    expect((await find('refunds', 0)).hits).toEqual([]);
  });

  it('never finds a passage of another chatbot or account', async () => {
    await add(TEXTS.slice(1));
    await add(TEXTS, await addChatbot(database.db));
    await add(TEXTS, await addChatbot(database.db, ours.accountId));
    for (const { passage } of (await find('refunds')).hits) expect(passage).toMatchObject(ours);
    expect(await findTexts('refunds')).not.toContain(TEXTS[0]);
  });

  it('answers as without an embedder while the server fails or has no vectors of the passages', async () => {
    await add(TEXTS);
    const question = 'When does the bakery open?';
    const byWords = await retrieve(database.db.read, ours.accountId, ours.chatbotId, question, 8);
    server.respondWith((response) => sendError(response, 500, 'down'));
    expect(await find(question)).toEqual(byWords);
    server.respondWith();
    const other: Embedder = { model: 'large', dimensions: 2, embed: async () => [Float32Array.of(1, 2)] };
    const { hits } = await find(question, 8, other);
    expect(hits.map(({ passage }) => passage.id)).toEqual(byWords.hits.map(({ passage }) => passage.id));
  });

  it('sends no question of an empty chatbot, and no empty question', async () => {
    expect((await find('refunds')).hits).toEqual([]);
    await add(TEXTS);
    expect((await find('  ')).hits).toEqual([]);
    expect(server.requests).toEqual([]);
  });
});

it('searches by meaning in a gateway with an embedding model, also in sources from before, and keeps the key secret', async () => {
  const key = 'sk-embeddings-0123456789abcdef';
  const server = await startFakeEmbeddings();
  const database = await createDatabase();
  const before = await startGateway({ database });
  const chatbotId = await createChatbot(before, { sources: TEXTS });
  const SEARCH = `query ($id: ID!) { search(chatbotId: $id, query: "refunds", first: 1) { hits { passage { text } } } }`;
  expect((await before.graphql(SEARCH, { id: chatbotId })).data).toEqual({ search: { hits: [] } });
  await before.close();

  const env = { EMBEDDINGS_BASE_URL: server.url, EMBEDDINGS_MODEL: 'small', EMBEDDINGS_API_KEY: key };
  const gateway = await startGateway({ database, env });
  onTestFinished(() => gateway.close());
  await vi.waitFor(() => expect(gateway.logs).toContainEqual(expect.objectContaining({ msg: 'embedded passages' })));
  const { data } = await gateway.graphql(SEARCH, { id: chatbotId }, before.key);
  expect(data).toEqual({ search: { hits: [{ passage: { text: TEXTS[0] } }] } });
  expect(server.requests.at(-1)).toMatchObject({ input: ['refunds'], headers: { authorization: `Bearer ${key}` } });
  const metrics = await (await gateway.fetch('/metrics')).text();
  expect(metrics).toContain('chatgraph_embedding_seconds_count{kind="query",outcome="ok"} 1');
  expect(metrics).toContain('chatgraph_passages_to_embed 0');
  expect(JSON.stringify(gateway.logs) + metrics).not.toContain(key);
});
