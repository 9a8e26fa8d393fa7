import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AnswerEngine } from '../../src/answer/engine.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { startCluster } from '../helpers/cluster.ts';
import { describeDatabases, hasPostgres, SQLITE } from '../helpers/databases.ts';
import { type GraphQLResponse, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { hasRedis } from '../helpers/nodes.ts';
import { webSocket } from '../helpers/streams.ts';
import { mutation } from '../schema/support.ts';

/** The number of concurrent sends. A thorough run uses 1,000. */
const SENDS = Number(process.env.QUOTA_SENDS ?? 120);
const USED = 20;
const REMAINING = 40;
const LIMIT = String(USED + REMAINING);
const SEND = mutation('sendMessage');
const USAGE = `{ viewer { account { usage { messages limit days { messages } warnings { percent used limit } } } } }`;

type GatewayClient = Pick<TestGateway, 'graphql' | 'url' | 'key'>;

/**
 * Sends `count` messages concurrently, distributed evenly over the nodes, and counts the payloads by type. A message
 * that a busy node could not store is sent again, as clients do.
 */
async function sendConcurrently(
  nodes: readonly [GatewayClient, ...GatewayClient[]],
  chatbotId: string,
  { count = SENDS, content = 'Well?' } = {},
) {
  const counts: Record<string, number> = {};
  const sending = Array.from({ length: count }, async (_, index) => {
    const input = { chatbotId, content, sessionId: crypto.randomUUID(), clientMessageId: crypto.randomUUID() };
    const node = nodes[index % nodes.length] ?? nodes[0];
    let response: GraphQLResponse<{ sendMessage: { __typename: string } } | undefined>;
    do response = await node.graphql(SEND, { input });
    while (response.errors?.[0]?.extensions.code === 'SERVICE_UNAVAILABLE');
    const type = response.data?.sendMessage.__typename ?? 'none';
    counts[type] = (counts[type] ?? 0) + 1;
  });
  await Promise.all(sending);
  return counts;
}

async function readUsage(node: GatewayClient) {
  const { data } = await node.graphql<{ viewer: { account: { usage: Record<string, unknown> } } }>(USAGE);
  return data.viewer.account.usage;
}

/** Uses part of the monthly quota, sends more messages than remain, and expects exactly the remaining replies. */
async function expectExactlyRemaining(nodes: readonly [GatewayClient, ...GatewayClient[]], chatbotId: string) {
  const readers = nodes.map((node) => webSocket.subscribe(node, {}));
  expect(await sendConcurrently(nodes, chatbotId, { count: USED })).toEqual({ SendMessagePayload: USED });
  expect(await sendConcurrently(nodes, chatbotId)).toEqual({
    SendMessagePayload: REMAINING,
    QuotaExceededError: SENDS - REMAINING,
  });
  const limit = USED + REMAINING;
  await vi.waitFor(
    async () =>
      expect(await readUsage(nodes[0])).toEqual({
        ...{ messages: limit, limit, days: [{ messages: limit }] },
        warnings: [
          { percent: 80, used: limit * 0.8, limit },
          { percent: 100, used: limit, limit },
        ],
      }),
    { timeout: 20_000, interval: 100 },
  );
  for (const reader of readers) {
    await reader.until(({ percent }) => percent === 100);
    expect(reader.events.map(({ percent }) => percent)).toEqual([80, 100]);
    reader.unsubscribe();
  }
}

describe('a quota with 40 replies left', () => {
  it('allows exactly 40 of many concurrent sends to one gateway on SQLite', async () => {
    const gateway = await startGateway({ engine: SQLITE, env: { MONTHLY_MESSAGE_LIMIT: LIMIT } });
    onTestFinished(() => gateway.close());
    await expectExactlyRemaining([gateway], await createChatbot(gateway));
  }, 60_000);

  it.runIf(hasPostgres && hasRedis)(
    'allows exactly 40 of many concurrent sends to two gateways on Postgres',
    async () => {
      const cluster = await startCluster({ MONTHLY_MESSAGE_LIMIT: LIMIT, BUILTIN_DELAY_MS: '0' });
      const [a, b] = cluster.nodes;
      await expectExactlyRemaining([a, b], await createChatbot({ ...a, key: cluster.key }));
    },
    120_000,
  );
});

/** Fails on the message `Fail!` before the first token, and answers all others. */
const failingEngine: AnswerEngine = {
  async *answer({ content }) {
    if (content === 'Fail!') throw new Error('Scripted failure.');
    yield delta('Well.');
    yield finish;
  },
};

describeDatabases('a quota', (engine) => {
  it('refunds each reply that fails before its first token', async () => {
    const overrides = { engines: new Map([['builtin', failingEngine]]) };
    const gateway = await startGateway({ engine, overrides, env: { MONTHLY_MESSAGE_LIMIT: '10' } });
    onTestFinished(() => gateway.close());
    const chatbotId = await createChatbot(gateway);
    for (let round = 0; round < 3; round++) {
      await sendConcurrently([gateway], chatbotId, { count: 10, content: 'Fail!' });
      await vi.waitFor(async () => expect(await readUsage(gateway)).toMatchObject({ messages: 0 }));
    }
    expect(await sendConcurrently([gateway], chatbotId, { count: 30 })).toEqual({
      ...{ SendMessagePayload: 10, QuotaExceededError: 20 },
    });
    await vi.waitFor(async () => expect(await readUsage(gateway)).toMatchObject({ days: [{ messages: 10 }] }));
    expect(await readUsage(gateway)).toMatchObject({ messages: 10, warnings: [{ percent: 80 }, { percent: 100 }] });
  });
});
