import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createId } from '../../src/domain/ids.ts';
import { type Timestamp, toTimestamp } from '../../src/domain/time.ts';
import { createLogger } from '../../src/logger.ts';
import { createSealer } from '../../src/secrets.ts';
import { insertAccount } from '../../src/store/accounts.ts';
import { insertNode } from '../../src/store/cluster/nodes.ts';
import { openDatabase } from '../../src/store/database.ts';
import { findWebhookDelivery, listWebhookAttempts } from '../../src/store/webhooks/deliveries.ts';
import { enqueueEvents } from '../../src/store/webhooks/outbox.ts';
import {
  type AttemptResult,
  type ClaimedDelivery,
  claimDeliveries,
  countDueDeliveries,
  listDueSubscriptionIds,
  recordAttempts,
  storeBody,
} from '../../src/store/webhooks/queue.ts';
import { deleteWebhookSubscription, insertWebhookSubscription } from '../../src/store/webhooks/subscriptions.ts';
import { expireAllLeases, releaseDeliveries } from '../../src/store/webhooks/unclean-ends.ts';
import { buildDefaultBody } from '../../src/webhooks/body.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeDatabases, type TestEngine } from '../helpers/databases.ts';
import { createDatabase } from '../helpers/gateway.ts';
import { createEndpoint, type EndpointOptions, WEBHOOK_ENV } from '../helpers/webhooks/gateway.ts';

const sealer = createSealer(readConfig(WEBHOOK_ENV), createLogger('silent'));
const LEASE_MS = 30_000;

/** Opens a delivery queue with an account, and a clock that the test advances. */
async function openQueue(engine: TestEngine) {
  const { url } = await createDatabase(engine);
  const db = await openDatabase({ url, role: 'gateway' });
  onTestFinished(() => db.close());
  const clock = createManualClock();
  const now = () => toTimestamp(clock.now());
  const accountId = createId('account');
  await db.transaction((trx) => insertAccount(trx, { id: accountId, name: 'Test', createdAt: now() }));
  return {
    db,
    clock,
    now,
    accountId,
    async subscribe(options: Partial<EndpointOptions> = {}): Promise<string> {
      const url = 'https://hooks.example.com/';
      const { subscription, sealed } = createEndpoint({ sealer, clock }, { accountId, url, ...options });
      await db.transaction((trx) => insertWebhookSubscription(trx, subscription, sealed));
      return subscription.id;
    },
    async enqueue(count: number): Promise<void> {
      const lead = { name: 'LEAD_CAPTURED' as const, buildPayload: () => ({ data: {} }) };
      const eventContext = { accountId, chatbotId: null, at: now() };
      await db.transaction((trx) => enqueueEvents(trx, eventContext, Array(count).fill(lead)));
    },
    listDue: () => listDueSubscriptionIds(db.read, now()),
    async claim(
      subscriptionId: string,
      { nodeId = 'one', limit = 5, maxInFlight = 5, onlySuspected = false, compose = buildDefaultBody } = {},
    ): Promise<ClaimedDelivery[]> {
      const lease = { nodeId, now: now(), leasedUntil: toTimestamp(clock.now() + LEASE_MS) };
      const claim = { subscriptionId, limit, maxInFlight, onlySuspected, ...lease };
      return (await db.transaction((trx) => claimDeliveries(trx, claim, compose))).claimed;
    },
    record: (results: readonly AttemptResult[]) => db.transaction((trx) => recordAttempts(trx, results)),
  };
}

/** The result of an attempt at a delivery. */
function resultOf(claimed: ClaimedDelivery, at: Timestamp, nextAttemptAt: Timestamp | null = null): AttemptResult {
  const { id: deliveryId, attemptCount } = claimed.delivery;
  const attempt = { durationMs: 5, statusCode: 200, error: null, response: 'ok' };
  const status = nextAttemptAt === null ? 'DELIVERED' : 'FAILED';
  return { claimed, attempt: { deliveryId, number: attemptCount + 1, at, ...attempt }, status, nextAttemptAt };
}

const idsOf = (claimed: readonly ClaimedDelivery[]) => claimed.map(({ delivery }) => delivery.id);

describeDatabases('the queue of deliveries', (engine) => {
  it('lists each endpoint with due deliveries once', async () => {
    const queue = await openQueue(engine);
    const [first, second] = [await queue.subscribe(), await queue.subscribe()];
    const idle = await queue.subscribe({ events: ['QUOTA_WARNING'] });
    expect(await queue.listDue()).toEqual([]);
    await queue.enqueue(300);
    expect(await queue.listDue()).toEqual([first, second].toSorted());
    expect(await queue.listDue()).not.toContain(idle);
    expect(await countDueDeliveries(queue.db.read, queue.now())).toBe(600);
  });

  it('claims deliveries by due time, then by id', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(3);
    queue.clock.advance(1_000);
    await queue.enqueue(4);
    const first = await queue.claim(id);
    await queue.record(first.map((claimed) => resultOf(claimed, queue.now())));
    const second = await queue.claim(id);
    const ids = idsOf([...first, ...second]);
    expect(ids).toHaveLength(7);
    expect(ids).toEqual(ids.toSorted());
  });

  it('claims no delivery twice, and at most 5 of an endpoint on all nodes together', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(20);
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, index) => queue.claim(id, { nodeId: `node ${index}`, limit: 3 })),
    );
    const lastClaim = await queue.claim(id, { nodeId: 'more' });
    const claimed = [...claims, lastClaim].flat();
    expect(claimed).toHaveLength(5);
    expect(new Set(idsOf(claimed)).size).toBe(5);
    expect(await queue.claim(id)).toEqual([]);
  });

  it('builds the body only before the first attempt', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(1);
    const [first] = await queue.claim(id);
    expect(first?.body).toMatch(/^\{"event":"lead\.captured","chatbot_id":null,"timestamp":".*","data":\{\}\}$/);
    const deliveryId = first?.delivery.id ?? '';
    expect(await findWebhookDelivery(queue.db.read, queue.accountId, deliveryId)).toMatchObject({ body: first?.body });
    queue.clock.advance(LEASE_MS);
    const [second] = await queue.claim(id, { compose: () => 'another' });
    expect(second?.body).toBe(first?.body);
  });

  it('claims without a body if the subscription has a document, and stores at most one body per claim', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe({ document: 'subscription { event { id } }' });
    await queue.enqueue(1);
    const [expired] = await queue.claim(id, { nodeId: 'late' });
    queue.clock.advance(LEASE_MS);
    const [reclaimed] = await queue.claim(id, { nodeId: 'next' });
    if (expired === undefined || reclaimed === undefined) throw new Error('The delivery was not claimed.');
    expect([expired.body, reclaimed.body]).toEqual([null, null]);
    const storeBodyOf = (claimed: ClaimedDelivery, body: string) =>
      queue.db.transaction((trx) => storeBody(trx, claimed, { body, problem: null }));
    expect(await storeBodyOf(expired, 'late')).toBeUndefined();
    expect(await storeBodyOf(reclaimed, 'made')).toEqual({ ...reclaimed, body: 'made' });
    expect(await storeBodyOf(reclaimed, 'again')).toBeUndefined();
    expect(await findWebhookDelivery(queue.db.read, queue.accountId, reclaimed.delivery.id)).toMatchObject({
      body: 'made',
    });
  });

  it('claims a delivery again when its lease expires, and accepts only the result of the new claim', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(1);
    const [expired] = await queue.claim(id, { nodeId: 'late' });
    queue.clock.advance(LEASE_MS - 1);
    expect(await queue.listDue()).toEqual([]);
    expect(await queue.claim(id)).toEqual([]);
    queue.clock.advance(1);
    expect(await queue.listDue()).toEqual([id]);
    const [reclaimed] = await queue.claim(id, { nodeId: 'next' });
    if (expired === undefined || reclaimed === undefined) throw new Error('The delivery was not claimed.');
    expect(await queue.record([resultOf(expired, queue.now())])).toEqual([]);
    expect(await queue.record([resultOf(reclaimed, queue.now())])).toHaveLength(1);
    expect(await queue.record([resultOf(reclaimed, queue.now())])).toEqual([]);
    const attempts = await listWebhookAttempts(queue.db.read, queue.accountId, [reclaimed.delivery.id]);
    expect(attempts).toEqual([
      {
        deliveryId: reclaimed.delivery.id,
        number: 1,
        at: queue.now(),
        durationMs: 5,
        statusCode: 200,
        error: null,
        response: 'ok',
      },
    ]);
    expect(await queue.listDue()).toEqual([]);
  });

  it('claims a failed delivery when it is due again, and not before', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(1);
    const [claimed] = await queue.claim(id);
    if (claimed === undefined) throw new Error('The delivery was not claimed.');
    await queue.record([resultOf(claimed, queue.now(), toTimestamp(queue.clock.now() + 60_000))]);
    queue.clock.advance(59_999);
    expect([await queue.listDue(), await queue.claim(id)]).toEqual([[], []]);
    queue.clock.advance(1);
    expect(await queue.listDue()).toEqual([id]);
    expect(await queue.claim(id)).toMatchObject([{ delivery: { status: 'FAILED', attemptCount: 1 } }]);
  });

  it('claims no delivery of an inactive endpoint, and stores no result of a deleted endpoint', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(2);
    const claimed = await queue.claim(id, { limit: 1 });
    const setActive = (flag: 0 | 1) =>
      queue.db.transaction((trx) => trx.updateTable('webhook_subscriptions').set({ is_active: flag }).execute());
    await setActive(0);
    expect([await queue.listDue(), await queue.claim(id)]).toEqual([[], []]);
    await setActive(1);
    expect(await queue.listDue()).toEqual([id]);
    await queue.db.transaction((trx) => deleteWebhookSubscription(trx, queue.accountId, id));
    expect(await queue.record(claimed.map((delivery) => resultOf(delivery, queue.now())))).toEqual([]);
  });

  it('releases all leases when expireAllLeases runs', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(5);
    const before = idsOf(await queue.claim(id));
    await queue.db.transaction(expireAllLeases);
    expect(idsOf(await queue.claim(id))).toEqual(before);
  });

  it('counts crashes during a delivery, and after two crashes claims it only on its own', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(2);
    await queue.db.transaction((trx) => insertNode(trx, 'alive'));
    const crashesOf = (claimed: readonly ClaimedDelivery[]) => claimed.map(({ crashes }) => crashes);
    const [slowDelivery] = await queue.claim(id, { nodeId: 'alive', limit: 1 });
    const [crashingDelivery] = await queue.claim(id, { limit: 1 });
    queue.clock.advance(LEASE_MS);
    // The node of the first delivery is alive, so its expired lease does not count as a crash.
    const reclaimed = await queue.claim(id);
    const expectedIds = idsOf([slowDelivery, crashingDelivery] as ClaimedDelivery[]);
    expect([idsOf(reclaimed), crashesOf(reclaimed)]).toEqual([expectedIds, [0, 1]]);
    await queue.record(reclaimed.slice(0, 1).map((delivery) => resultOf(delivery, queue.now())));
    await queue.db.transaction(expireAllLeases);
    expect(await queue.claim(id)).toEqual([]);
    expect(crashesOf(await queue.claim(id, { onlySuspected: true }))).toEqual([2]);
    await queue.db.transaction((trx) => releaseDeliveries(trx, 'one'));
    expect(crashesOf(await queue.claim(id, { onlySuspected: true }))).toEqual([2]);
    await queue.db.transaction(expireAllLeases);
    const last = await queue.claim(id, { onlySuspected: true });
    expect(crashesOf(last)).toEqual([3]);
    await queue.record(last.map((delivery) => resultOf(delivery, queue.now(), queue.now())));
    expect(crashesOf(await queue.claim(id))).toEqual([0]);
  });
});
