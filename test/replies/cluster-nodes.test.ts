import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { listNodes } from '../../src/store/cluster/nodes.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { describeMessageEvents, waitForMessageEvent } from '../helpers/conversations.ts';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish, type ScriptedEngine } from '../helpers/models/engines.ts';
import { hasRedis } from '../helpers/nodes.ts';
import { createRedisPrefix } from '../helpers/redis.ts';
import { TEST_REDIS_URL } from '../helpers/servers.ts';
import { joinDeltas, readMessage, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** The servers that nodes share. */
interface SharedServers {
  readonly name: string;
  readonly isPossible: boolean;
  settings(): Readonly<Record<string, string>>;
}

const WITH_REDIS: SharedServers = {
  name: 'Postgres and Redis',
  isPossible: hasPostgres && hasRedis,
  settings: () => ({
    REDIS_URL: TEST_REDIS_URL,
    REDIS_PREFIX: createRedisPrefix(),
    REDIS_RATE_LIMIT_TIMEOUT_MS: '10000',
  }),
};

/** Nodes that work without Redis, as during an outage of Redis. */
const WITHOUT_REDIS: SharedServers = {
  name: 'Postgres alone',
  isPossible: hasPostgres,
  settings: () => ({ REDIS_URL: '' }),
};

/** A gateway whose requests use the first gateway's key. */
interface Node {
  readonly gateway: TestGateway;
  readonly engine: ScriptedEngine;
}

/** Starts two gateways on one database, and sends a message to the first. */
async function openNodes({ settings }: SharedServers, extraEnv: Readonly<Record<string, string>> = {}) {
  const database = await createDatabase(POSTGRES);
  const env = { ...settings(), ...extraEnv };
  const start = async (): Promise<Node> => {
    const engine = createScriptedEngine();
    const gateway = await startGateway({ database, env, overrides: { engines: new Map([['builtin', engine]]) } });
    onTestFinished(() => gateway.close());
    // Completes all replies that a test may leave unfinished.
    onTestFinished(() => engine.push(finish, finish));
    return { gateway, engine };
  };
  const a = await start();
  const second = await start();
  const { key, accountId } = a.gateway;
  const graphql: TestGateway['graphql'] = (query, variables, requestKey = key) =>
    second.gateway.graphql(query, variables, requestKey);
  const b: Node = { ...second, gateway: { ...second.gateway, key, accountId, graphql } };
  const chatbotId = await createChatbot(a.gateway);
  return { a, b, chatbotId, ...(await send(a.gateway, { chatbotId, content: 'Well?' })) };
}

const stopMessage = (gateway: TestGateway, id: string) =>
  mutate<{ reply: { status: string; content: string } }>(
    gateway,
    'stopMessage',
    { id },
    { selection: 'reply { status content }' },
  );

describe.each([WITH_REDIS, WITHOUT_REDIS].filter(({ isPossible }) => isPossible))('nodes with $name', (servers) => {
  it('send heartbeats while all connections to the database are busy', async () => {
    const { a, b } = await openNodes(servers, { DATABASE_POOL_SIZE: '2' });
    const { db, node } = a.gateway.deps;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const occupied = Promise.all([1, 2].map(() => db.read.connection().execute(() => released)));
    const readBeat = async () => {
      const nodes = await listNodes(b.gateway.deps.db.read);
      return nodes.find(({ id }) => id === node.id)?.beat ?? 0;
    };
    const before = await readBeat();
    await vi.waitFor(async () => expect(await readBeat()).toBeGreaterThan(before + 1), 30_000);
    release();
    await occupied;
  });

  it('stream a reply that another node generates, from its start to its end', async () => {
    const { a, b, replyId, conversationId } = await openNodes(servers);
    const targets = [{ messageId: replyId }, { conversationId }];
    const readers = targets.map((target) => webSocket.subscribe(b.gateway, target));
    a.engine.push(delta('One 👍🏽'));
    await Promise.all(readers.map((reader) => reader.until(({ content }) => content === 'One 👍🏽')));
    a.engine.push(delta(' two'), delta(' three.'), finish);
    await Promise.all(readers.map((reader) => waitForMessageEvent(reader, 'MessageCompleted', replyId)));
    for (const { events } of readers) expect(joinDeltas(events)).toBe('One 👍🏽 two three.');
    // A reader of one node resumes at the other.
    const after = readers[0]?.events.find(({ content }) => content === 'One 👍🏽')?.cursor;
    const resumed = webSocket.subscribe(a.gateway, { messageId: replyId, after });
    await resumed.ended;
    expect(resumed.events.map(({ text }) => text ?? '').join('')).toBe(' two three.');
    for (const reader of readers) reader.unsubscribe();
  });

  it('stop a reply that another node generates, and keep its text', async () => {
    const { a, b, replyId } = await openNodes(servers);
    const reader = webSocket.subscribe(a.gateway, { messageId: replyId });
    a.engine.push(delta('A part'));
    await reader.until(({ content }) => content === 'A part');
    expect((await stopMessage(b.gateway, replyId)).reply).toEqual({ status: 'STOPPED', content: 'A part' });
    expect(await reader.ended).toBeUndefined();
  });

  it('stop the model and end the streams of a chatbot that another node deletes', async () => {
    const { a, b, chatbotId, replyId, conversationId } = await openNodes(servers);
    const targets = [{ chatbotId }, { conversationId }, { messageId: replyId }];
    const readers = targets.map((target) => webSocket.subscribe(a.gateway, target));
    a.engine.push(delta('A part'));
    await Promise.all(readers.slice(1).map((reader) => reader.until(() => reader.text === 'A part')));
    await mutate(b.gateway, 'deleteChatbot', { id: chatbotId });
    await vi.waitFor(() => expect(a.gateway.deps.liveReplies.size).toBe(0), 20_000);
    for (const reader of readers) {
      expect(await reader.ended).toBeUndefined();
      expect(reader.events.at(-1)).toMatchObject({ __typename: 'ConversationDeleted' });
    }
  });

  it('answer the messages of one conversation in order, one at a time', async () => {
    const { a, b, replyId, conversationId } = await openNodes(servers);
    const second = await send(b.gateway, { conversationId, content: 'And then?' });
    expect(await readMessage(a.gateway, second.replyId)).toMatchObject({ status: 'QUEUED' });
    const reader = webSocket.subscribe(b.gateway, { conversationId });
    a.engine.push(delta('First.'), finish);
    await waitForMessageEvent(reader, 'MessageStarted', second.replyId);
    a.engine.push(delta('Second.'), finish);
    await waitForMessageEvent(reader, 'MessageCompleted', second.replyId);
    expect([a.engine.questionCount, b.engine.questionCount]).toEqual([2, 0]);
    const third = await send(b.gateway, { conversationId, content: 'At last?' });
    const fourth = await send(a.gateway, { conversationId, content: 'No!', whenBusy: 'INTERRUPT' });
    await waitForMessageEvent(reader, 'MessageStarted', fourth.replyId);
    expect(await readMessage(a.gateway, third.replyId)).toMatchObject({ status: 'STOPPED' });
    const stages = describeMessageEvents(reader.events, {
      ...{ [replyId]: '1', [second.replyId]: '2', [third.replyId]: '3', [fourth.replyId]: '4' },
    });
    expect(stages.filter((stage) => / \d$/.test(stage))).toEqual([
      ...['MessageCreated 1', 'MessageCompleted 1', 'MessageStarted 2', 'MessageCompleted 2'],
      ...['MessageCreated 3', 'MessageCreated 4', 'MessageStopped 3', 'MessageStarted 4'],
    ]);
    reader.unsubscribe();
  });

  it('store a message once when they receive it concurrently with the same clientMessageId', async () => {
    const { a, b, chatbotId } = await openNodes(servers);
    const message = { chatbotId, sessionId: 'here', content: 'Once?', clientMessageId: 'k' };
    const sent = await Promise.all(Array.from({ length: 20 }, (_, i) => send((i % 2 ? a : b).gateway, message)));
    expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(1);
    expect(new Set(sent.map(({ replyId }) => replyId)).size).toBe(1);
  });

  it('generate the queued replies of a node that stops', async () => {
    const { a, b, replyId, conversationId } = await openNodes(servers);
    const second = await send(a.gateway, { conversationId, content: 'And then?' });
    const closing = a.gateway.close();
    a.engine.push(delta('First.'), finish);
    await closing;
    expect(await readMessage(b.gateway, replyId)).toMatchObject({ status: 'COMPLETED' });
    b.engine.push(delta('Second.'), finish);
    await vi.waitFor(
      async () =>
        expect(await readMessage(b.gateway, second.replyId)).toMatchObject({ status: 'COMPLETED', content: 'Second.' }),
      10_000,
    );
  });

  it('interrupt the replies of a node whose lease has expired, and let it rejoin', async () => {
    const { a, b, replyId, conversationId } = await openNodes(servers);
    const { id } = a.gateway.deps.node;
    const second = await send(b.gateway, { conversationId, content: 'And then?' });
    const reader = webSocket.subscribe(b.gateway, { conversationId });
    a.engine.push(delta('A part'));
    await reader.until(() => reader.text === 'A part');
    await b.gateway.deps.db.transaction((trx) => trx.deleteFrom('nodes').where('id', '=', id).execute());
    await waitForMessageEvent(reader, 'MessageInterrupted', replyId);
    await waitForMessageEvent(reader, 'MessageStarted', second.replyId);
    await vi.waitFor(() => expect(a.gateway.deps.node.id).not.toBe(id), 10_000);
    for (const { engine } of [a, b]) engine.push(delta('Second.'), finish);
    await waitForMessageEvent(reader, 'MessageCompleted', second.replyId);
    await vi.waitFor(() => expect(a.gateway.deps.liveReplies.size).toBe(0));
    expect(await readMessage(b.gateway, replyId)).toMatchObject({ status: 'INTERRUPTED', content: 'A part' });
    reader.unsubscribe();
  });

  it('generate a reply again if its node lost its lease before it streamed any text', async () => {
    const { a, b, replyId } = await openNodes(servers);
    await vi.waitFor(() => expect(a.engine.questionCount).toBe(1));
    const reader = webSocket.subscribe(b.gateway, { messageId: replyId });
    const { id } = a.gateway.deps.node;
    await b.gateway.deps.db.transaction((trx) => trx.deleteFrom('nodes').where('id', '=', id).execute());
    await vi.waitFor(() => expect(a.engine.questionCount + b.engine.questionCount).toBe(2), 20_000);
    await vi.waitFor(() => expect(a.gateway.deps.liveReplies.size + b.gateway.deps.liveReplies.size).toBe(1), 20_000);
    const generatingNode = a.gateway.deps.liveReplies.size === 1 ? a : b;
    generatingNode.engine.push(delta('Whole.'), finish);
    await reader.ended;
    expect(reader.text).toBe('Whole.');
    expect(await readMessage(a.gateway, replyId)).toMatchObject({ status: 'COMPLETED', content: 'Whole.' });
  });

  it('reject a key within a second after another node revokes it', async () => {
    const { a, b } = await openNodes(servers);
    const key = await a.gateway.createKey(a.gateway.accountId, ['READ']);
    const ask = () =>
      b.gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{ viewer { apiKey { id } } }', {}, key);
    const { id } = (await ask()).data.viewer.apiKey;
    await mutate(a.gateway, 'revokeApiKey', { id }, { selection: 'apiKey { id }' });
    await vi.waitFor(async () => expect((await ask()).status).toBe(401), 1_000);
  });
});

describe.runIf(WITH_REDIS.isPossible)('the rate limit of several nodes', () => {
  it('accepts exactly 60 of 180 concurrent requests to two nodes', async () => {
    const { a, b } = await openNodes(WITH_REDIS, { RATE_LIMIT_PER_MINUTE: '60' });
    const key = await a.gateway.createKey(a.gateway.accountId, ['READ']);
    const answers = await Promise.all(
      Array.from({ length: 180 }, (_, i) => (i % 2 ? a : b).gateway.graphql('{ __typename viewer { kind } }', {}, key)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(60);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(120);
  });
});
