import { setTimeout } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { expect, it, onTestFinished, vi } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { systemClock } from '../../src/domain/time.ts';
import { createLogger } from '../../src/logger.ts';
import { createSealer } from '../../src/secrets.ts';
import { openDatabase } from '../../src/store/database.ts';
import { insertWebhookSubscription } from '../../src/store/webhooks/subscriptions.ts';
import { createSecret } from '../../src/webhooks/secret.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { createKillableGateway, type KillableGateway } from '../helpers/killable-gateway.ts';
import { createRandom } from '../helpers/random.ts';
import { createEndpoint, WEBHOOK_ENV } from '../helpers/webhooks/gateway.ts';
import {
  answer,
  type Behaviour,
  drip,
  flood,
  hang,
  type Received,
  reset,
  startReceiver,
} from '../helpers/webhooks/receivers.ts';

/** The times of the kills differ in every run. */
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.WEBHOOK_KILLS ?? 8);
const SECRET = createSecret();
const LIFE_MS = { min: 50, max: 700 };
const LIMIT = { timeout: 60_000 + KILLS * 5_000 };
const ENV = {
  ...WEBHOOK_ENV,
  BUILTIN_DELAY_MS: '0',
  RATE_LIMIT_PER_MINUTE: '1000000',
  WEBHOOK_RETRY_SCHEDULE: Array(20).fill('1').join(','),
};

/** Stores an endpoint that receives visitors' messages. */
async function listenToMessages({ databaseUrl }: KillableGateway, url: string): Promise<void> {
  const sealer = createSealer(readConfig(WEBHOOK_ENV), createLogger('silent'));
  const db = await openDatabase({ url: databaseUrl, role: 'tool' });
  try {
    const { id: accountId } = await db.read.selectFrom('accounts').select('id').executeTakeFirstOrThrow();
    const wanted = { accountId, url, events: ['MESSAGE_RECEIVED'] as const };
    const { subscription, sealed } = createEndpoint({ sealer, clock: systemClock }, { ...wanted, secret: SECRET });
    await db.transaction((trx) => insertWebhookSubscription(trx, subscription, sealed));
  } finally {
    await db.close();
  }
}

/** Sends one message after the other until `signal` aborts. A failed request was not acknowledged. */
async function chat(survivor: KillableGateway, chatbotId: string, signal: AbortSignal): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let number = 1; !signal.aborted; number++) {
    const input = { chatbotId, content: `Question ${number}` };
    const answered = await survivor
      .graphql<{ sendMessage: { userMessage: { id: string } } }>(
        'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { ... on SendMessagePayload { userMessage { id } } } }',
        { input },
      )
      .catch(() => undefined);
    const id = answered?.data?.sendMessage?.userMessage?.id;
    if (id !== undefined) acknowledged.push(id);
  }
  return acknowledged;
}

/** A receiver's misbehaviours, each once in `every` requests. */
const WRONGS: readonly (readonly [every: number, Behaviour])[] = [
  [7, reset],
  [11, answer(500)],
  [13, flood(200)],
  [17, drip(200)],
  [19, drip(503)],
  [41, hang],
];

/** Accepts most requests, some after a delay, and misbehaves now and then. */
const behaveBadly: Behaviour = (response, number, request) => {
  const wrong = WRONGS.find(([every]) => number % every === 0)?.[1];
  if (wrong !== undefined) wrong(response, number, request);
  else if (number % 3 === 0) void setTimeout(100).then(() => answer(200)(response, number, request));
  else answer(200)(response, number, request);
};

const messageIdOf = ({ body }: Received): string => JSON.parse(body).data.message_id;

const title = `a process killed ${KILLS} times delivers every stored event, always with the same body, and nothing else (seed ${SEED})`;
it(title, LIMIT, async () => {
  const random = createRandom(SEED);
  const receiver = await startReceiver(behaveBadly);
  const survivor = await createKillableGateway(ENV);
  await listenToMessages(survivor, receiver.url);
  const { key } = await survivor.current;
  const chatbotId = await createChatbot({ ...survivor, key });
  const sending = new AbortController();
  onTestFinished(() => sending.abort());
  const chatting = [1, 2, 3].map(() => chat(survivor, chatbotId, sending.signal));
  await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(0), { timeout: 10_000 });
  let ready: Promise<unknown> = Promise.resolve();
  for (let kill = 0; kill < KILLS; kill++) {
    await ready;
    await setTimeout(LIFE_MS.min + random.below(LIFE_MS.max - LIFE_MS.min));
    await survivor.kill();
    ({ ready } = await survivor.start());
  }
  await ready;
  sending.abort();
  const acknowledged = (await Promise.all(chatting)).flat();

  const { messages } = await survivor.readStore();
  const stored = messages.filter(({ role }) => role === 'USER').map(({ id }) => id);
  expect(acknowledged.filter((id) => !stored.includes(id))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(KILLS);
  receiver.become(answer(200));
  await vi.waitFor(
    () => {
      const delivered = new Set(receiver.received.map(messageIdOf));
      expect(stored.filter((id) => !delivered.has(id))).toEqual([]);
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(receiver.received.filter((received) => !stored.includes(messageIdOf(received)))).toEqual([]);
  const byEvent = Map.groupBy(receiver.received, ({ headers }) => headers['webhook-id']);
  expect(byEvent.size).toBe(stored.length);
  for (const tries of byEvent.values()) expect(new Set(tries.map(({ body }) => body)).size).toBe(1);
  for (const library of [new Webhook(SECRET), new SvixWebhook(SECRET)]) {
    for (const { body, headers } of receiver.received) {
      expect(() => library.verify(body, headers as Record<string, string>)).not.toThrow();
    }
  }
  // Proves that some kills hit a delivery.
  expect(receiver.received.length).toBeGreaterThan(stored.length);
});
