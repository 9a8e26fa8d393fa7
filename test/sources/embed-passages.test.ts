import { afterEach, beforeEach, expect, it } from 'vitest';
import { toTimestamp } from '../../src/domain/time.ts';
import { createLogger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createEmbedder } from '../../src/models/embedder.ts';
import { createProgress, embedPassages } from '../../src/sources/embed-passages.ts';
import { deleteSource } from '../../src/sources/sources.ts';
import { removeChatbotPart } from '../../src/store/chatbot-removal.ts';
import { deleteNode, insertNode } from '../../src/store/cluster/nodes.ts';
import { markChatbotDeleted } from '../../src/store/deleted-chatbots.ts';
import { addChatbot, addSource } from '../helpers/corpus.ts';
import { describeDatabases, openTestDatabase } from '../helpers/databases.ts';
import { type FakeEmbeddings, sendError, sendVectors, startFakeEmbeddings } from '../helpers/models/fake-embeddings.ts';

const HOUR_MS = 60 * 60 * 1_000;
const AT = toTimestamp(Date.UTC(2026, 0, 1));
const NEVER = new AbortController().signal;
const background = { run: () => {}, drain: async () => {}, size: 0, isDraining: false };

describeDatabases('embedding passages', (engine) => {
  let database: Awaited<ReturnType<typeof openTestDatabase>>;
  let ours: Awaited<ReturnType<typeof addChatbot>>;
  let server: FakeEmbeddings;
  beforeEach(async () => {
    database = await openTestDatabase(engine);
    ours = await addChatbot(database.db);
    server = await startFakeEmbeddings();
  });
  afterEach(() => database.close());

  /** Adds a source whose passages are called `Topic 0`, `Topic 1`, … */
  function addTopics(count: number) {
    const passages = Array.from({ length: count }, (_, n) => ({
      headingPath: ['Topics'],
      text: `Topic ${n} is bread.`,
    }));
    return addSource(database.db, ours.accountId, ours.chatbotId, { title: 'Bakery', passages });
  }

  const readVectors = () => database.db.read.selectFrom('passage_vectors').selectAll().orderBy('passage_id').execute();
  const listInputs = () => server.requests.map(({ input }) => input.length);

  /** Starts a gateway's task. Each call of `run` is a run of its timer. */
  async function createNode({ id = 'a', model = 'small' } = {}) {
    const logs: Record<string, unknown>[] = [];
    const logger = createLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
    const metrics = createMetrics();
    const clock = { nowMs: Date.now(), now: () => clock.nowMs, monotonicMs: () => clock.nowMs };
    const embedder = createEmbedder({ baseUrl: server.url, apiKey: undefined, model }, { fetch, logger, metrics });
    const node = { id, abandonedReplyIds: new Set<string>() };
    const progress = createProgress();
    await database.db.transaction((trx) => insertNode(trx, id));
    const deps = { db: database.db, clock, node, background, logger, metrics, embedder };
    return {
      logs,
      clock,
      run: (signal = NEVER, running = background) => embedPassages({ ...deps, background: running }, progress, signal),
      remaining: async () => (await metrics.passagesToEmbed.get()).values[0]?.value,
    };
  }

  it('stores a vector for each passage, of its title, headings and text, in requests of 32', async () => {
    const { passages } = await addTopics(40);
    const { run, logs, remaining } = await createNode();
    await run();
    expect(listInputs()).toEqual([32, 8]);
    expect(server.requests[0]?.input[0]).toBe('Bakery\nTopics\nTopic 0 is bread.');
    const vectors = await readVectors();
    expect(vectors.map(({ passage_id }) => passage_id)).toEqual(passages.map(({ id }) => id).sort());
    expect(vectors[0]).toMatchObject({ account_id: ours.accountId, chatbot_id: ours.chatbotId, model: 'small' });
    expect(logs).toMatchObject([
      { msg: 'embedded passages', embedded: 32, remaining: 8 },
      { msg: 'embedded passages', embedded: 8, remaining: 0 },
    ]);
    expect(await remaining()).toBe(0);
    expect(await database.db.read.selectFrom('task_claims').selectAll().execute()).toEqual([]);
  });

  it('embeds only new passages later, and all passages again with another model', async () => {
    await addTopics(3);
    const { run } = await createNode();
    await run();
    await addTopics(2);
    await run();
    await run();
    expect(listInputs()).toEqual([3, 2]);
    const other = await createNode({ id: 'b', model: 'large' });
    await other.run();
    expect(listInputs()).toEqual([3, 2, 5]);
    expect(new Set((await readVectors()).map(({ model }) => model))).toEqual(new Set(['large']));
  });

  it('embeds all passages again when the model behind the name has vectors of another length', async () => {
    await addTopics(3);
    await (await createNode()).run();
    server.respondWith((response, vectors) =>
      sendVectors(
        response,
        vectors.map((vector) => vector.slice(0, 16)),
      ),
    );
    const { run } = await createNode({ id: 'b' });
    await run();
    await addTopics(1);
    await run();
    await run();
    expect((await readVectors()).map(({ dimensions }) => dimensions)).toEqual([16, 16, 16, 16]);
  });

  it('goes on where a gateway stopped', async () => {
    await addTopics(70);
    const first = await createNode({ id: 'a' });
    const draining = { ...background };
    server.respondWith((response, vectors) => {
      draining.isDraining = true;
      sendVectors(response, vectors);
    });
    await first.run(NEVER, draining);
    expect(await readVectors()).toHaveLength(32);
    await (await createNode({ id: 'b' })).run();
    expect(listInputs()).toEqual([32, 32, 6]);
    expect(await readVectors()).toHaveLength(70);
  });

  it('leaves the passages to the gateway that embeds them, until that one crashes', async () => {
    await addTopics(3);
    const [crashed, other] = [await createNode({ id: 'a' }), await createNode({ id: 'b' })];
    const stop = new AbortController();
    let competing: Promise<void> | undefined;
    server.respondWith(() => {
      competing = other.run().finally(() => stop.abort());
    });
    await crashed.run(stop.signal);
    await competing;
    expect(listInputs()).toEqual([3]);
    server.respondWith();
    // A crashed gateway leaves its claim.
    await database.db.transaction((trx) =>
      trx.insertInto('task_claims').values({ task: 'embed-passages', node_id: 'a' }).execute(),
    );
    await other.run();
    expect(listInputs()).toEqual([3]);
    await database.db.transaction((trx) => deleteNode(trx, 'a'));
    await other.run();
    expect(listInputs()).toEqual([3, 3]);
    expect(await readVectors()).toHaveLength(3);
  });

  it('waits during an outage, and embeds the passages after it', async () => {
    await addTopics(3);
    const { run, logs } = await createNode();
    server.respondWith((response) => sendError(response, 401, 'no'));
    await run();
    await run();
    expect(listInputs()).toEqual([3, 1, 1]);
    expect(logs.map(({ msg }) => msg)).toEqual(['cannot embed texts; searching by words alone until it works']);
    server.respondWith();
    await (await createNode({ id: 'b' })).run();
    expect(await readVectors()).toHaveLength(3);
  });

  it('embeds the other passages when the model refuses one, and tries that one again an hour later', async () => {
    const { passages } = await addTopics(5);
    const { run, logs, clock } = await createNode();
    server.respondWith((response, vectors, { input }) => {
      if (input.some((text) => text.includes('Topic 2'))) sendError(response, 422, 'unusual text');
      else sendVectors(response, vectors);
    });
    await run();
    await run();
    expect((await readVectors()).map(({ passage_id }) => passage_id)).not.toContain(passages[2]?.id);
    expect(await readVectors()).toHaveLength(4);
    expect(logs).toContainEqual(
      expect.objectContaining({ msg: 'the model cannot embed a passage', passageIds: [passages[2]?.id] }),
    );
    server.respondWith();
    clock.nowMs += HOUR_MS;
    await run();
    expect(await readVectors()).toHaveLength(5);
  });

  it('stores no vector for a passage that is deleted meanwhile', async () => {
    const [kept, deleted] = [await addTopics(1), await addTopics(1)];
    const { run } = await createNode();
    server.respondWith((response, vectors) => {
      void deleteSource({ db: database.db }, ours as never, { id: deleted.sourceId }).then(() =>
        sendVectors(response, vectors),
      );
    });
    await run();
    expect((await readVectors()).map(({ passage_id }) => passage_id)).toEqual([kept.passages[0]?.id]);
  });

  it('deletes the vectors of a source with it, and those of a chatbot', async () => {
    const { sourceId } = await addTopics(2);
    await addTopics(1);
    await (await createNode()).run();
    expect(await readVectors()).toHaveLength(3);
    await deleteSource({ db: database.db }, ours as never, { id: sourceId });
    expect(await readVectors()).toHaveLength(1);
    const chatbot = { id: ours.chatbotId, accountId: ours.accountId };
    await database.db.transaction((trx) => markChatbotDeleted(trx, chatbot, AT));
    while (await database.db.transaction((trx) => removeChatbotPart(trx, chatbot)));
    expect(await readVectors()).toEqual([]);
  });

  it('sends no passage of a deleted chatbot', async () => {
    await addTopics(2);
    const chatbot = { id: ours.chatbotId, accountId: ours.accountId };
    await database.db.transaction((trx) => markChatbotDeleted(trx, chatbot, AT));
    await (await createNode()).run();
    expect(server.requests).toEqual([]);
  });
});
