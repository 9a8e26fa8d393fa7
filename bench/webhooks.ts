import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createId } from '../src/domain/ids.ts';
import { toJson } from '../src/domain/json.ts';
import { toTimestamp } from '../src/domain/time.ts';
import type { WebhookEvent } from '../src/domain/webhooks.ts';
import { openDatabase } from '../src/store/database.ts';
import { insertWebhookEvent } from '../src/store/webhooks/events.ts';
import { buildDefaultBody } from '../src/webhooks/body.ts';
import type { BenchContext, Benchmark } from './benchmark.ts';
import { startCpuMeter } from './cpu.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { assertNoFailedRequests, startGateway } from './gateway.ts';
import { CORES, type Server, startServer } from './server.ts';

const EVENTS = 1_000;
const SENT_MESSAGES = 200;

/** The cost of sending a stored webhook event until the receiver responds, and of storing one during sendMessage. */
export const webhooks: Benchmark = {
  name: 'webhooks',
  async run(bench) {
    const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
    const opened: Server[] = [];
    const startAndTrack = async (server: Promise<Server>) => {
      opened.push(await server);
      return server;
    };
    try {
      const url = `sqlite:${join(dir, 'chatgraph.db')}`;
      const account = await fillDatabase(url);
      const event = await fillEvents(url, account);
      const script = 'bench/webhook-receiver.ts';
      const receiver = await startAndTrack(
        startServer({ script, env: {}, logPath: join(dir, 'receiver.log'), core: CORES.load }),
      );
      const baseline = await startAndTrack(
        startServer({
          script: 'bench/webhook-baseline.ts',
          env: { RECEIVER_URL: receiver.url, BODY: buildDefaultBody(event) },
          logPath: join(dir, 'baseline.log'),
        }),
      );
      const settings = { SSRF_ALLOW_CIDRS: '127.0.0.0/8' };
      const gateway = await startAndTrack(startGateway(dir, 'bin/chatgraph.js', { settings }));
      const figures = [
        await measureDelivery(bench, { gateway, baseline, receiver, account }),
        await measureSends(bench, { gateway, receiver, account }),
      ];
      await assertNoFailedRequests(gateway);
      return figures;
    } finally {
      for (const server of opened) await server.close();
      await rm(dir, { recursive: true });
    }
  },
};

interface Servers {
  readonly gateway: Server;
  readonly baseline: Server;
  readonly receiver: Server;
  readonly account: BenchAccount;
}

/** Sends the same events repeatedly, as fast as possible. */
async function measureDelivery(bench: BenchContext, { gateway, baseline, receiver, account }: Servers) {
  const id = await subscribe(gateway, account, `${receiver.url}/`);
  const replay = () => mutate(gateway, account, REPLAY, { input: { id, since: new Date(Date.now() - 86_400_000) } });
  const post = () => fetch(`${baseline.url}/post?${EVENTS}`).then(() => undefined);
  const targets = [
    { name: 'webhooks', server: gateway, start: replay },
    { name: 'bare undici', server: baseline, start: post },
  ];
  const costs = await measureAlternately(bench, targets, async ({ name, server, start }) => {
    const stopCpuMeter = await startCpuMeter(server.cpu, undefined);
    const startedAt = performance.now();
    const received = fetch(`${receiver.url}/until?${EVENTS}`);
    await start();
    await received;
    const seconds = (performance.now() - startedAt) / 1_000;
    bench.logProgress(`${name}: ${(EVENTS / seconds).toFixed(0)} events/s`);
    return (await stopCpuMeter()).server / EVENTS;
  });
  await mutate(gateway, account, DELETE, { input: { id } });
  const [gatewayCosts = [], baselineCosts = []] = costs;
  const quantity = 'webhook, from its row to the response, 5 at a time; baseline: bare undici posts the same';
  return { quantity, unit: 'µs', gateway: gatewayCosts, baseline: baselineCosts } as const;
}

/** Sends messages, with and without a webhook subscription whose endpoint never responds. */
async function measureSends(bench: BenchContext, { gateway, receiver, account }: Omit<Servers, 'baseline'>) {
  const variants = [
    { name: 'with a subscription', hasSubscription: true },
    { name: 'without a subscription', hasSubscription: false },
  ];
  const costs = await measureAlternately(bench, variants, async ({ name, hasSubscription }) => {
    const id = hasSubscription ? await subscribe(gateway, account, `${receiver.url}/hang`) : undefined;
    const stopCpuMeter = await startCpuMeter(gateway.cpu, undefined);
    for (let i = 0; i < SENT_MESSAGES; i++) {
      const input = { chatbotId: account.chatbotIds[1], sessionId: crypto.randomUUID(), content: 'Hello' };
      await mutate(gateway, account, SEND, { input });
    }
    const cost = (await stopCpuMeter()).server / SENT_MESSAGES;
    bench.logProgress(`sendMessage ${name}: ${cost.toFixed(0)} µs`);
    if (id !== undefined) await mutate(gateway, account, DELETE, { input: { id } });
    return cost;
  });
  const [withEvent = [], withoutEvent = []] = costs;
  return {
    quantity: 'sendMessage with a webhook subscription; baseline: without',
    unit: 'µs',
    gateway: withEvent,
    baseline: withoutEvent,
  } as const;
}

/** Measures the variants alternately, in reverse order in every other round, after one round to warm up. */
async function measureAlternately<V>(
  bench: BenchContext,
  variants: readonly V[],
  measure: (variant: V) => Promise<number>,
) {
  const results = variants.map((): number[] => []);
  for (let round = 0; round <= bench.rounds; round++) {
    const order = [...variants.entries()];
    for (const [i, variant] of round % 2 === 0 ? order.reverse() : order) {
      const result = await measure(variant);
      if (round > 0) results[i]?.push(result);
    }
  }
  return results;
}

/** Inserts events as the gateway records them, and returns one of them. */
async function fillEvents(url: string, { accountId, chatbotIds }: BenchAccount): Promise<WebhookEvent> {
  const db = await openDatabase({ url, role: 'tool' });
  try {
    const create = (): WebhookEvent => ({
      id: createId('webhookEvent'),
      ...{ accountId, chatbotId: chatbotIds[0] ?? null, name: 'MESSAGE_RECEIVED' },
      ...{ conversationId: null, messageId: null, leadId: null, sourceId: null },
      data: toJson({
        conversation_id: createId('conversation'),
        session_id: 'visitor-42',
        message_id: createId('message'),
        message: 'Can I still change the address of my parcel?',
        channel: 'api',
      }),
      at: toTimestamp(Date.now()),
    });
    const events = Array.from({ length: EVENTS }, create);
    await db.transaction(async (trx) => {
      for (const event of events) await insertWebhookEvent(trx, event);
    });
    return events[0] ?? create();
  } finally {
    await db.close();
  }
}

const SUBSCRIBE = `mutation Subscribe($input: CreateWebhookSubscriptionInput!) {
  createWebhookSubscription(input: $input) { __typename ... on CreateWebhookSubscriptionPayload { webhookSubscription { id } } }
}`;
const REPLAY = 'mutation Replay($input: ReplayWebhooksInput!) { replayWebhooks(input: $input) { __typename } }';
const DELETE = `mutation Delete($input: DeleteWebhookSubscriptionInput!) {
  deleteWebhookSubscription(input: $input) { __typename }
}`;
const SEND = 'mutation Send($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }';

async function subscribe(gateway: Server, account: BenchAccount, url: string): Promise<string> {
  const input = { url, events: ['MESSAGE_RECEIVED'] };
  const { webhookSubscription } = await mutate(gateway, account, SUBSCRIBE, { input });
  return webhookSubscription.id;
}

/** Runs a mutation. @throws if it is refused. */
async function mutate({ url }: Server, { key }: BenchAccount, query: string, variables: object) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  const [answer] = Object.values<{ __typename: string; webhookSubscription: { id: string } }>(
    JSON.parse(text).data ?? {},
  );
  if (!answer?.__typename.endsWith('Payload')) throw new Error(text);
  return answer;
}
