import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createId } from '../../src/domain/ids.ts';
import { type Timestamp, toTimestamp } from '../../src/domain/time.ts';
import { createLogger } from '../../src/logger.ts';
import { createSealer } from '../../src/secrets.ts';
import { insertAccount } from '../../src/store/accounts.ts';
import { insertNode } from '../../src/store/cluster-nodes.ts';
import { openDatabase } from '../../src/store/database.ts';
import { findWebhookDelivery, listWebhookAttempts } from '../../src/store/webhooks/deliveries.ts';
import { enqueueEvents } from '../../src/store/webhooks/outbox.ts';
import {
  type AttemptResult,
  type ClaimedDelivery,
  claimDeliveries,
  countDueDeliveries,
  listDueEndpoints,
  recordAttempts,
  storeBody,
} from '../../src/store/webhooks/queue.ts';
import { deleteWebhookSubscription, insertWebhookSubscription } from '../../src/store/webhooks/subscriptions.ts';
import { endAllLeases, releaseDeliveries } from '../../src/store/webhooks/unclean-ends.ts';
import { buildDefaultBody } from '../../src/webhooks/body.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeEngines, type TestEngine } from '../helpers/databases.ts';
import { createDatabase } from '../helpers/gateway.ts';
import { createEndpoint, type EndpointOptions, WEBHOOK_ENV } from '../helpers/webhooks/gateway.ts';

const sealer = createSealer(readConfig(WEBHOOK_ENV), createLogger('silent'));
const LEASE_MS = 30_000;

/** Opens a queue with an account, and a clock that the test moves. */
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
    async subscribe(wanted: Partial<EndpointOptions> = {}): Promise<string> {
      const url = 'https://hooks.example.com/';
      const { subscription, sealed } = createEndpoint({ sealer, clock }, { accountId, url, ...wanted });
      await db.transaction((trx) => insertWebhookSubscription(trx, subscription, sealed));
      return subscription.id;
    },
    async enqueue(count: number): Promise<void> {
      const lead = { name: 'LEAD_CAPTURED' as const, buildPayload: () => ({ data: {} }) };
      const about = { accountId, chatbotId: null, at: now() };
      await db.transaction((trx) => enqueueEvents(trx, about, Array(count).fill(lead)));
    },
    listDue: () => listDueEndpoints(db.read, now()),
    async claim(
      subscriptionId: string,
      { nodeId = 'one', limit = 5, maxInProgress = 5, isAlone = false, compose = buildDefaultBody } = {},
    ): Promise<ClaimedDelivery[]> {
      const lease = { nodeId, now: now(), until: toTimestamp(clock.now() + LEASE_MS) };
      const claim = { subscriptionId, limit, maxInProgress, isAlone, ...lease };
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

describeEngines('the queue of deliveries', (engine) => {
  it('lists each endpoint with due deliveries once', async () => {
    const queue = await openQueue(engine);
    const [one, two] = [await queue.subscribe(), await queue.subscribe()];
    const idle = await queue.subscribe({ events: ['QUOTA_WARNING'] });
    expect(await queue.listDue()).toEqual([]);
    await queue.enqueue(300);
    expect(await queue.listDue()).toEqual([one, two].toSorted());
    expect(await queue.listDue()).not.toContain(idle);
    expect(await countDueDeliveries(queue.db.read, queue.now())).toBe(600);
  });

  it('claims deliveries by due time, then by id', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(3);
    queue.clock.turn(1_000);
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
    const more = await queue.claim(id, { nodeId: 'more' });
    const claimed = [...claims, more].flat();
    expect(claimed).toHaveLength(5);
    expect(new Set(idsOf(claimed)).size).toBe(5);
    expect(await queue.claim(id)).toEqual([]);
  });

  it('builds the body before the first attempt, and never again', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(1);
    const [first] = await queue.claim(id);
    expect(first?.body).toMatch(/^\{"event":"lead\.captured","chatbot_id":null,"timestamp":".*","data":\{\}\}$/);
    const deliveryId = first?.delivery.id ?? '';
    expect(await findWebhookDelivery(queue.db.read, queue.accountId, deliveryId)).toMatchObject({ body: first?.body });
    queue.clock.turn(LEASE_MS);
    const [second] = await queue.claim(id, { compose: () => 'another' });
    expect(second?.body).toBe(first?.body);
  });

  it("leaves the body to the subscription's document, and stores it once, for the node that claimed the delivery", async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe({ document: 'subscription { event { id } }' });
    await queue.enqueue(1);
    const [late] = await queue.claim(id, { nodeId: 'late' });
    queue.clock.turn(LEASE_MS);
    const [taken] = await queue.claim(id, { nodeId: 'next' });
    if (late === undefined || taken === undefined) throw new Error('It was not given out.');
    expect([late.body, taken.body]).toEqual([null, null]);
    const store = (claimed: ClaimedDelivery, body: string) =>
      queue.db.transaction((trx) => storeBody(trx, claimed, { body, problem: null }));
    expect(await store(late, 'late')).toBeUndefined();
    expect(await store(taken, 'made')).toEqual({ ...taken, body: 'made' });
    expect(await store(taken, 'again')).toBeUndefined();
    expect(await findWebhookDelivery(queue.db.read, queue.accountId, taken.delivery.id)).toMatchObject({
      body: 'made',
    });
  });

  it('claims a delivery again when its lease expires, and accepts only the result of the new claim', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(1);
    const [late] = await queue.claim(id, { nodeId: 'late' });
    queue.clock.turn(LEASE_MS - 1);
    expect(await queue.listDue()).toEqual([]);
    expect(await queue.claim(id)).toEqual([]);
    queue.clock.turn(1);
    expect(await queue.listDue()).toEqual([id]);
    const [taken] = await queue.claim(id, { nodeId: 'next' });
    if (late === undefined || taken === undefined) throw new Error('It was not given out.');
    expect(await queue.record([resultOf(late, queue.now())])).toEqual([]);
    expect(await queue.record([resultOf(taken, queue.now())])).toHaveLength(1);
    expect(await queue.record([resultOf(taken, queue.now())])).toEqual([]);
    const attempts = await listWebhookAttempts(queue.db.read, queue.accountId, [taken.delivery.id]);
    expect(attempts).toEqual([
      {
        deliveryId: taken.delivery.id,
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
    if (claimed === undefined) throw new Error('It was not given out.');
    await queue.record([resultOf(claimed, queue.now(), toTimestamp(queue.clock.now() + 60_000))]);
    queue.clock.turn(59_999);
    expect([await queue.listDue(), await queue.claim(id)]).toEqual([[], []]);
    queue.clock.turn(1);
    expect(await queue.listDue()).toEqual([id]);
    expect(await queue.claim(id)).toMatchObject([{ delivery: { status: 'FAILED', attemptCount: 1 } }]);
  });

  it('claims nothing of an inactive endpoint, and writes nothing of a deleted one', async () => {
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
    expect(await queue.record(claimed.map((one) => resultOf(one, queue.now())))).toEqual([]);
  });

  it('releases all leases for a process that is alone', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(5);
    const before = idsOf(await queue.claim(id));
    await queue.db.transaction(endAllLeases);
    expect(idsOf(await queue.claim(id))).toEqual(before);
  });

  it('counts the crashes during a delivery, and claims it alone from the second crash on', async () => {
    const queue = await openQueue(engine);
    const id = await queue.subscribe();
    await queue.enqueue(2);
    await queue.db.transaction((trx) => insertNode(trx, 'alive'));
    const endsOf = (claimed: readonly ClaimedDelivery[]) => claimed.map(({ uncleanEnds }) => uncleanEnds);
    const [slow] = await queue.claim(id, { nodeId: 'alive', limit: 1 });
    const [bad] = await queue.claim(id, { limit: 1 });
    queue.clock.turn(LEASE_MS);
    // The node of the first delivery was slow, not dead.
    const again = await queue.claim(id);
    expect([idsOf(again), endsOf(again)]).toEqual([idsOf([slow, bad] as ClaimedDelivery[]), [0, 1]]);
    await queue.record(again.slice(0, 1).map((one) => resultOf(one, queue.now())));
    await queue.db.transaction(endAllLeases);
    expect(await queue.claim(id)).toEqual([]);
    expect(endsOf(await queue.claim(id, { isAlone: true }))).toEqual([2]);
    await queue.db.transaction((trx) => releaseDeliveries(trx, 'one'));
    expect(endsOf(await queue.claim(id, { isAlone: true }))).toEqual([2]);
    await queue.db.transaction(endAllLeases);
    const last = await queue.claim(id, { isAlone: true });
    expect(endsOf(last)).toEqual([3]);
    await queue.record(last.map((one) => resultOf(one, queue.now(), queue.now())));
    expect(endsOf(await queue.claim(id))).toEqual([0]);
  });
});
