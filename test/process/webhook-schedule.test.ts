import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { createDataDir, type RunningGateway, startGatewayProcess } from '../helpers/process.ts';
import { WEBHOOK_ENV } from '../helpers/webhooks/gateway.ts';
import { respond, startReceiver } from '../helpers/webhooks/receivers.ts';

/** How much faster time passes for the gateway: 21 minutes take 13 seconds. */
const SPEED = 100;
/** How late an attempt may be: the gateway polls every half second, and a real delay counts a hundredfold. */
const MAX_LATENESS_MS = 90_000;

interface Attempt {
  readonly number: number;
  readonly at: string;
  readonly durationMs: number;
  readonly error: string;
}

interface Delivery {
  readonly status: string;
  readonly nextAttemptAt: string | null;
  readonly attempts: readonly Attempt[];
}

/** Reads the environment that makes time pass faster; undefined if faketime is not installed. */
async function findFasterTime(): Promise<Record<string, string> | undefined> {
  try {
    const { stdout } = await promisify(execFile)('faketime', ['-f', `+0 x${SPEED}`, 'env']);
    const entries = stdout.split('\n').map((line) => /^(LD_PRELOAD|FAKETIME)=(.*)$/.exec(line));
    return Object.fromEntries(entries.flatMap((entry) => (entry ? [[entry[1], entry[2]]] : [])));
  } catch {
    return undefined;
  }
}

const fasterTime = await findFasterTime();

async function executeGraphQL<T>({ url, key }: RunningGateway, query: string, variables: object): Promise<T> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify({ query, variables }),
  });
  const { data } = (await response.json()) as { data: T };
  return data;
}

/** Sends an example event to an endpoint, and returns the id of the delivery. */
async function sendExample(gateway: RunningGateway, url: string): Promise<string> {
  const { created } = await executeGraphQL<{ created: { webhookSubscription: { id: string } } }>(
    gateway,
    `mutation ($input: CreateWebhookSubscriptionInput!) { created: createWebhookSubscription(input: $input) {
      ... on CreateWebhookSubscriptionPayload { webhookSubscription { id } }
    } }`,
    { input: { url, events: ['LEAD_CAPTURED'] } },
  );
  const { sent } = await executeGraphQL<{ sent: { webhookDelivery: { id: string } } }>(
    gateway,
    `mutation ($input: SendTestWebhookInput!) { sent: sendTestWebhook(input: $input) {
      ... on SendTestWebhookPayload { webhookDelivery { id } }
    } }`,
    { input: { id: created.webhookSubscription.id, event: 'LEAD_CAPTURED' } },
  );
  return sent.webhookDelivery.id;
}

async function readDelivery(gateway: RunningGateway, id: string): Promise<Delivery> {
  const { node } = await executeGraphQL<{ node: Delivery }>(
    gateway,
    `query ($id: ID!) { node(id: $id) { ... on WebhookDelivery {
      status nextAttemptAt attempts { number at durationMs error }
    } } }`,
    { id },
  );
  return node;
}

describe.skipIf(fasterTime === undefined)('a gateway with faster time (faketime)', () => {
  it('retries a failing endpoint after pauses of 1, 5 and 15 minutes or up to 10 % more, then stops', async () => {
    const receiver = await startReceiver(respond(500));
    const env = { DATA_DIR: await createDataDir(), SEED_DEMO: 'false', ...WEBHOOK_ENV, ...fasterTime };
    const gateway = await startGatewayProcess({ env });
    const id = await sendExample(gateway, receiver.url);
    const isExhausted = async () => expect(await readDelivery(gateway, id)).toMatchObject({ status: 'EXHAUSTED' });
    await vi.waitFor(isExhausted, { timeout: 60_000, interval: 250 });

    const { nextAttemptAt, attempts } = await readDelivery(gateway, id);
    expect([nextAttemptAt, attempts.map(({ number }) => number)]).toEqual([null, [1, 2, 3, 4]]);
    const pauses = attempts.slice(1).map(({ at }, index) => {
      const before = attempts[index];
      return Date.parse(at) - Date.parse(before?.at ?? '') - (before?.durationMs ?? 0);
    });
    for (const [index, seconds] of [60, 300, 900].entries()) {
      // Times are rounded to whole milliseconds.
      expect(pauses[index]).toBeGreaterThanOrEqual(seconds * 1_000 - 2);
      expect(pauses[index]).toBeLessThan(seconds * 1_100 + MAX_LATENESS_MS);
    }
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(receiver.received.length).toBeLessThanOrEqual(4);
    gateway.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
  }, 90_000);
});
