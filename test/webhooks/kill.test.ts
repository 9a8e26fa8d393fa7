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
  type Behaviour,
  drip,
  flood,
  hang,
  type ReceivedRequest,
  reset,
  respond,
  startReceiver,
} from '../helpers/webhooks/receivers.ts';

/** The seed of the random numbers, among them the times of the kills. By default it differs in every run. */
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.WEBHOOK_KILLS ?? 8);
const SECRET = createSecret();
const UPTIME_MS = { min: 50, max: 700 };
const TEST_OPTIONS = { timeout: 60_000 + KILLS * 5_000 };
const ENV = {
  ...WEBHOOK_ENV,
  BUILTIN_DELAY_MS: '0',
  RATE_LIMIT_PER_MINUTE: '1000000',
  WEBHOOK_RETRY_SCHEDULE: Array(20).fill('1').join(','),
};

/** Stores a subscription of the messages that visitors send. */
async function subscribeToMessages({ databaseUrl }: KillableGateway, url: string): Promise<void> {
  const sealer = createSealer(readConfig(WEBHOOK_ENV), createLogger('silent'));
  const db = await openDatabase({ url: databaseUrl, role: 'tool' });
  try {
    const { id: accountId } = await db.read.selectFrom('accounts').select('id').executeTakeFirstOrThrow();
    const options = { accountId, url, events: ['MESSAGE_RECEIVED'] as const };
    const { subscription, sealed } = createEndpoint({ sealer, clock: systemClock }, { ...options, secret: SECRET });
    await db.transaction((trx) => insertWebhookSubscription(trx, subscription, sealed));
  } finally {
    await db.close();
  }
}

/** Sends messages sequentially until `signal` aborts. Returns the ids of the messages that the gateway acknowledged. */
async function sendMessages(gateway: KillableGateway, chatbotId: string, signal: AbortSignal): Promise<string[]> {
  const acknowledgedIds: string[] = [];
  for (let number = 1; !signal.aborted; number++) {
    const input = { chatbotId, content: `Question ${number}` };
    const response = await gateway
      .graphql<{ sendMessage: { userMessage: { id: string } } }>(
        'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { ... on SendMessagePayload { userMessage { id } } } }',
        { input },
      )
      .catch(() => undefined);
    const id = response?.data?.sendMessage?.userMessage?.id;
    if (id !== undefined) acknowledgedIds.push(id);
  }
  return acknowledgedIds;
}

/** Misbehaviours of a receiver. Each applies to one in `every` requests. */
const MISBEHAVIOURS: readonly (readonly [every: number, Behaviour])[] = [
  [7, reset],
  [11, respond(500)],
  [13, flood(200)],
  [17, drip(200)],
  [19, drip(503)],
  [41, hang],
];

/** Accepts most requests, some of them after a delay, and misbehaves for the others. */
const misbehaveSometimes: Behaviour = (response, number, request) => {
  const misbehave = MISBEHAVIOURS.find(([every]) => number % every === 0)?.[1];
  if (misbehave !== undefined) misbehave(response, number, request);
  else if (number % 3 === 0) void setTimeout(100).then(() => respond(200)(response, number, request));
  else respond(200)(response, number, request);
};

const messageIdOf = ({ body }: ReceivedRequest): string => JSON.parse(body).data.message_id;

const title = `a process killed ${KILLS} times delivers every stored event with an unchanging body, and nothing else (seed ${SEED})`;
it(title, TEST_OPTIONS, async () => {
  const random = createRandom(SEED);
  const receiver = await startReceiver(misbehaveSometimes);
  const gateway = await createKillableGateway(ENV);
  await subscribeToMessages(gateway, receiver.url);
  const { key } = await gateway.liveGateway;
  const chatbotId = await createChatbot({ ...gateway, key });
  const stopSending = new AbortController();
  onTestFinished(() => stopSending.abort());
  const senders = [1, 2, 3].map(() => sendMessages(gateway, chatbotId, stopSending.signal));
  await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(0), { timeout: 10_000 });
  let ready: Promise<unknown> = Promise.resolve();
  for (let kill = 0; kill < KILLS; kill++) {
    await ready;
    await setTimeout(UPTIME_MS.min + random.below(UPTIME_MS.max - UPTIME_MS.min));
    await gateway.kill();
    ({ ready } = await gateway.start());
  }
  await ready;
  stopSending.abort();
  const acknowledgedIds = (await Promise.all(senders)).flat();

  const { messages } = await gateway.readStore();
  const storedIds = messages.filter(({ role }) => role === 'USER').map(({ id }) => id);
  expect(acknowledgedIds.filter((id) => !storedIds.includes(id))).toEqual([]);
  expect(acknowledgedIds.length).toBeGreaterThan(KILLS);
  receiver.setBehaviour(respond(200));
  await vi.waitFor(
    () => {
      const delivered = new Set(receiver.received.map(messageIdOf));
      expect(storedIds.filter((id) => !delivered.has(id))).toEqual([]);
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(receiver.received.filter((received) => !storedIds.includes(messageIdOf(received)))).toEqual([]);
  const requestsByEvent = Map.groupBy(receiver.received, ({ headers }) => headers['webhook-id']);
  expect(requestsByEvent.size).toBe(storedIds.length);
  for (const attempts of requestsByEvent.values()) expect(new Set(attempts.map(({ body }) => body)).size).toBe(1);
  for (const library of [new Webhook(SECRET), new SvixWebhook(SECRET)]) {
    for (const { body, headers } of receiver.received) {
      expect(() => library.verify(body, headers as Record<string, string>)).not.toThrow();
    }
  }
  // There are more requests than events, so kills or misbehaviours caused retries.
  expect(receiver.received.length).toBeGreaterThan(storedIds.length);
});
