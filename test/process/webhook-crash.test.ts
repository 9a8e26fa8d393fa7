import { expect, it, onTestFinished, vi } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { requestGraphQL } from '../helpers/gateway.ts';
import { awaitGateway, createDataDir, type RunningGateway, startProgram } from '../helpers/process.ts';
import { WEBHOOK_ENV } from '../helpers/webhooks/gateway.ts';
import { startReceiver } from '../helpers/webhooks/receivers.ts';
import { mutation } from '../schema/support.ts';

const DEMO = '01900000-0000-7000-8000-000000000003';
const TEST_TIMEOUT = { timeout: 240_000 };
const MAX_STARTS = 8;
const WAIT = { timeout: 60_000, interval: 100 };

/** Reads all deliveries, ordered by URL, with their endpoint's path and their attempt's error. */
async function readDeliveries(databaseUrl: string) {
  const db = await openDatabase({ url: databaseUrl, role: 'tool' });
  try {
    const rows = await db.read
      .selectFrom('webhook_deliveries')
      .innerJoin('webhook_subscriptions', 'webhook_subscriptions.id', 'subscription_id')
      .leftJoin('webhook_attempts', 'webhook_attempts.delivery_id', 'webhook_deliveries.id')
      .select(['url', 'status', 'next_attempt_at', 'error'])
      .orderBy('url')
      .execute();
    return rows.map(({ url, ...row }) => ({ path: new URL(url).pathname, ...row }));
  } finally {
    await db.close();
  }
}

it('gives up a delivery that crashes the process three times, and delivers the others', TEST_TIMEOUT, async () => {
  const dataDir = await createDataDir();
  const databaseUrl = `sqlite:${dataDir}/chatgraph.db`;
  const env = { ...WEBHOOK_ENV, PORT: '0', DATA_DIR: dataDir, DATABASE_URL: databaseUrl };
  const start = () => startProgram({ script: 'test/process/crashing-gateway.ts', env });
  const receiver = await startReceiver();
  const first = await awaitGateway(start());
  onTestFinished(() => void first.kill('SIGKILL'));
  const mutate = (name: string, input: object) => requestGraphQL(first, mutation(name), { input });
  for (const path of ['/a', '/crash', '/z']) {
    const { data } = await mutate('createWebhookSubscription', {
      url: new URL(path, receiver.url).href,
      events: ['MESSAGE_RECEIVED'],
    });
    expect(data).toMatchObject({ createWebhookSubscription: { __typename: 'CreateWebhookSubscriptionPayload' } });
  }
  // A gateway that dies immediately sends no response.
  await mutate('sendMessage', { chatbotId: DEMO, content: 'Well?' }).catch(() => {});

  let gateway: RunningGateway | undefined = first;
  let deaths = 0;
  for (; deaths < MAX_STARTS; deaths++) {
    const done = vi.waitFor(async () => {
      expect((await readDeliveries(databaseUrl)).map(({ next_attempt_at }) => next_attempt_at)).toEqual([
        null,
        null,
        null,
      ]);
    }, WAIT);
    const exited: Promise<unknown> = gateway?.exited ?? Promise.resolve();
    if (await Promise.race([exited.then(() => false), done.then(() => true)])) break;
    done.catch(() => {});
    gateway = await awaitGateway(start()).catch(() => undefined);
  }
  expect(deaths).toBe(3);
  expect(await readDeliveries(databaseUrl)).toEqual([
    { path: '/a', status: 'DELIVERED', next_attempt_at: null, error: null },
    {
      ...{ path: '/crash', status: 'EXHAUSTED', next_attempt_at: null },
      error: 'the gateway crashed three times while it attempted this delivery',
    },
    { path: '/z', status: 'DELIVERED', next_attempt_at: null, error: null },
  ]);
  gateway?.kill('SIGTERM');
  expect(await gateway?.exited).toBe(0);
});
