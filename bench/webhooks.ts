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
import type { Bench, Benchmark } from './benchmark.ts';
import { startMeter } from './cpu.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { assertNoFailedRequests, startGateway } from './gateway.ts';
import { CORES, type Server, startServer } from './server.ts';

const EVENTS = 1_000;
const SENDS = 200;

/** The cost of webhooks: of an event from its row to the receiver's response, and what its event adds to a send. */
export const webhooks: Benchmark = {
  name: 'webhooks',
  async run(bench) {
    const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
    const opened: Server[] = [];
    const open = async (server: Promise<Server>) => {
      opened.push(await server);
      return server;
    };
    try {
      const url = `sqlite:${join(dir, 'chatgraph.db')}`;
      const account = await fillDatabase(url);
      const event = await fillEvents(url, account);
      const script = 'bench/webhook-receiver.ts';
      const receiver = await open(
        startServer({ script, env: {}, logPath: join(dir, 'receiver.log'), core: CORES.load }),
      );
      const floor = await open(
        startServer({
          script: 'bench/webhook-floor.ts',
          env: { RECEIVER_URL: receiver.url, BODY: buildDefaultBody(event) },
          logPath: join(dir, 'floor.log'),
        }),
      );
      const settings = { SSRF_ALLOW_CIDRS: '127.0.0.0/8' };
      const gateway = await open(startGateway(dir, 'bin/chatgraph.js', { settings }));
      const figures = [
        await measureDelivery(bench, { gateway, floor, receiver, account }),
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
  readonly floor: Server;
  readonly receiver: Server;
  readonly account: BenchAccount;
}

/** Sends the same events repeatedly, as fast as possible. */
async function measureDelivery(bench: Bench, { gateway, floor, receiver, account }: Servers) {
  const id = await subscribe(gateway, account, `${receiver.url}/`);
  const replay = () =>
    ask(gateway, account, REPLAY, { input: { subscriptionId: id, since: new Date(Date.now() - 86_400_000) } });
  const post = () => fetch(`${floor.url}/post?${EVENTS}`).then(() => undefined);
  const sides = [
    { name: 'webhooks', server: gateway, begin: replay },
    { name: 'bare undici', server: floor, begin: post },
  ];
  const [gatewayCosts = [], floorCosts = []] = await takeRounds(bench, sides, async ({ name, server, begin }) => {
    const stop = await startMeter(server.cpu, undefined);
    const startedAt = performance.now();
    const received = fetch(`${receiver.url}/until?${EVENTS}`);
    await begin();
    await received;
    const seconds = (performance.now() - startedAt) / 1_000;
    bench.note(`${name}: ${(EVENTS / seconds).toFixed(0)} events/s`);
    return (await stop()).server / EVENTS;
  });
  await ask(gateway, account, DELETE, { input: { id } });
  const what = 'webhook, from its row to the answer, 5 at a time; floor: bare undici posts the same';
  return { what, unit: 'µs', gateway: gatewayCosts, floor: floorCosts } as const;
}

/** Sends messages, with and without a subscription of an endpoint that never responds. */
async function measureSends(bench: Bench, { gateway, receiver, account }: Omit<Servers, 'floor'>) {
  const sides = [
    { name: 'told', hasSubscription: true },
    { name: 'not told', hasSubscription: false },
  ];
  const [withEvent = [], withoutEvent = []] = await takeRounds(bench, sides, async ({ name, hasSubscription }) => {
    const id = hasSubscription ? await subscribe(gateway, account, `${receiver.url}/hang`) : undefined;
    const stop = await startMeter(gateway.cpu, undefined);
    for (let i = 0; i < SENDS; i++) {
      const input = { chatbotId: account.chatbotIds[1], sessionId: crypto.randomUUID(), content: 'Hello' };
      await ask(gateway, account, SEND, { input });
    }
    const cost = (await stop()).server / SENDS;
    bench.note(`a send, ${name}: ${cost.toFixed(0)} µs`);
    if (id !== undefined) await ask(gateway, account, DELETE, { input: { id } });
    return cost;
  });
  return {
    what: 'sendMessage, its event enqueued; floor: nobody listens',
    unit: 'µs',
    gateway: withEvent,
    floor: withoutEvent,
  } as const;
}

/** Measures the sides alternately, in reverse order in every other round, after one round to warm up. */
async function takeRounds<S>(bench: Bench, sides: readonly S[], measure: (side: S) => Promise<number>) {
  const results = sides.map((): number[] => []);
  for (let round = 0; round <= bench.rounds; round++) {
    const order = [...sides.entries()];
    for (const [i, side] of round % 2 === 0 ? order.reverse() : order) {
      const result = await measure(side);
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
  const { webhookSubscription } = await ask(gateway, account, SUBSCRIBE, { input });
  return webhookSubscription.id;
}

/** Runs a mutation. @throws if it is refused. */
async function ask({ url }: Server, { key }: BenchAccount, query: string, variables: object) {
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
