import { expect, it, vi } from 'vitest';
import { deliveriesTopic } from '../../src/coordination/topics.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeDatabases } from '../helpers/databases.ts';
import { createDatabase } from '../helpers/gateway.ts';
import {
  captureLeads,
  readDeliveries,
  readSubscription,
  startWebhookGateway,
  subscribeEndpoint,
} from '../helpers/webhooks/gateway.ts';
import { failTimes, hang, respond, startReceiver } from '../helpers/webhooks/receivers.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long the test waits for deliveries that are due according to its clock. */
const POLL_OPTIONS = { timeout: 3_000, interval: 20 };

describeDatabases('the webhook worker', (engine) => {
  it('sends an event immediately and exactly once, with the documented body', async () => {
    const gateway = await startWebhookGateway({ engine });
    const receiver = await startReceiver();
    const id = await subscribeEndpoint(gateway, receiver.url);
    await captureLeads(gateway);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), { timeout: 400, interval: 5 });
    await vi.waitFor(
      async () => expect(await readDeliveries(gateway, id)).toMatchObject([{ status: 'DELIVERED' }]),
      POLL_OPTIONS,
    );
    const [delivery] = await readDeliveries(gateway, id);
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toEqual({
      event: 'lead.captured',
      chatbot_id: null,
      timestamp: delivery?.createdAt,
      data: { lead_id: 'lead-0', name: 'Åse 😀', email: '', phone: '', custom_data: {} },
    });
    expect(delivery).toMatchObject({
      body: receiver.received[0]?.body,
      attemptCount: 1,
      nextAttemptAt: null,
      attempts: [{ number: 1, statusCode: 200, error: null, response: '' }],
    });
    expect(receiver.received).toHaveLength(1);
  });

  it('retries after 1, 5 and 15 minutes, never earlier, with the same body and id, and then stops', async () => {
    const clock = createManualClock();
    const gateway = await startWebhookGateway({ engine, overrides: { clock } });
    const receiver = await startReceiver(respond(500, 'broken'));
    const id = await subscribeEndpoint(gateway, receiver.url);
    await captureLeads(gateway);
    for (const [index, minutes] of [0, 1, 5, 15].entries()) {
      const [before] = await readDeliveries(gateway, id);
      if (minutes > 0) {
        const pauseMs = Date.parse(before?.nextAttemptAt ?? '') - clock.now();
        expect(pauseMs).toBeGreaterThanOrEqual(minutes * MINUTE);
        expect(pauseMs).toBeLessThanOrEqual(minutes * MINUTE * 1.1);
        clock.advance(pauseMs);
      }
      await vi.waitFor(
        async () => expect(await readDeliveries(gateway, id)).toMatchObject([{ attemptCount: index + 1 }]),
        POLL_OPTIONS,
      );
    }
    expect(await readDeliveries(gateway, id)).toMatchObject([
      {
        status: 'EXHAUSTED',
        nextAttemptAt: null,
        attempts: [1, 2, 3, 4].map((number) => ({
          number,
          statusCode: 500,
          error: 'answered 500',
          response: 'broken',
        })),
      },
    ]);
    expect(receiver.received).toHaveLength(4);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    const [first, second] = receiver.received.map(({ headers }) => Number(headers['webhook-timestamp']));
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(60);
  });

  it("retries with the operator's delays, and stops at the first success", async () => {
    const gateway = await startWebhookGateway({ engine, env: { WEBHOOK_RETRY_SCHEDULE: '0,1,60' } });
    const receiver = await startReceiver(failTimes(2));
    const id = await subscribeEndpoint(gateway, receiver.url);
    await captureLeads(gateway);
    await vi.waitFor(
      async () => expect(await readDeliveries(gateway, id)).toMatchObject([{ status: 'DELIVERED', attemptCount: 3 }]),
      { timeout: 5_000, interval: 50 },
    );
    expect(await readSubscription(gateway, id)).toMatchObject({ failingSince: null, isActive: true });
    const metrics = await (await gateway.fetch('/metrics')).text();
    expect(metrics).toContain('chatgraph_webhook_attempts_total{outcome="failed"} 2');
    expect(metrics).toContain('chatgraph_webhook_attempts_total{outcome="delivered"} 1');
    expect(metrics).toContain('chatgraph_webhook_due 0');
    expect(metrics).toContain('chatgraph_webhook_seconds_count 3');
  });

  it('delivers promptly to other endpoints while a receiver with 500 due deliveries hangs', async () => {
    const gateway = await startWebhookGateway({ engine });
    const hanging = await startReceiver(hang);
    const healthy = await startReceiver();
    await subscribeEndpoint(gateway, hanging.url);
    await captureLeads(gateway, 500);
    await vi.waitFor(() => expect(hanging.received).toHaveLength(5), POLL_OPTIONS);
    const id = await subscribeEndpoint(gateway, healthy.url);
    for (let count = 1; count <= 20; count++) {
      await captureLeads(gateway);
      await vi.waitFor(() => expect(healthy.received).toHaveLength(count), { timeout: 1_000, interval: 5 });
    }
    expect(hanging.maxOpenConnections).toBe(5);
    await vi.waitFor(
      async () => expect((await readDeliveries(gateway, id)).every(({ status }) => status === 'DELIVERED')).toBe(true),
      POLL_OPTIONS,
    );
    hanging.setBehaviour(respond(200));
  });

  it('sends an endpoint at most 5 deliveries at a time, in the order of the events', async () => {
    const gateway = await startWebhookGateway({ engine });
    const finishResponses: (() => void)[] = [];
    const receiver = await startReceiver((response) => void finishResponses.push(() => response.end()));
    const id = await subscribeEndpoint(gateway, receiver.url);
    await captureLeads(gateway, 30);
    for (let count = 0; count < 30; count++) {
      await vi.waitFor(() => expect(finishResponses.length).toBeGreaterThan(0), POLL_OPTIONS);
      finishResponses.shift()?.();
    }
    await vi.waitFor(
      async () => expect((await readDeliveries(gateway, id)).every(({ status }) => status === 'DELIVERED')).toBe(true),
      POLL_OPTIONS,
    );
    expect(receiver.maxOpenConnections).toBe(5);
    const deliveries = await readDeliveries(gateway, id);
    const order = receiver.received.map(({ headers }) =>
      deliveries.findIndex(({ eventId }) => eventId === headers['webhook-id']),
    );
    // Deliveries in flight at the same time may arrive in any order.
    for (const [at, index] of order.entries()) expect(Math.abs(at - index)).toBeLessThan(5);
  });

  it('switches off an endpoint that responds with 410, and sends WEBHOOK_DISABLED to the others', async () => {
    const gateway = await startWebhookGateway({ engine });
    const receiver = await startReceiver(respond(410));
    const other = await startReceiver();
    const id = await subscribeEndpoint(gateway, receiver.url);
    await subscribeEndpoint(gateway, other.url, { events: ['WEBHOOK_DISABLED'] });
    await captureLeads(gateway);
    await vi.waitFor(() => expect(other.received).toHaveLength(1), POLL_OPTIONS);
    const reason = 'The endpoint answered 410: it is gone.';
    expect(await readSubscription(gateway, id)).toMatchObject({ isActive: false, disabledReason: reason });
    expect(JSON.parse(other.received[0]?.body ?? '')).toMatchObject({
      event: 'webhook.disabled',
      data: { subscription_id: id, description: 'Test endpoint', reason },
    });
    expect(gateway.logs).toContainEqual(
      expect.objectContaining({ msg: 'a webhook endpoint was switched off', reason }),
    );
  });

  it('retries on time even if the wall clock is set back by an hour', async () => {
    const clock = createManualClock();
    const gateway = await startWebhookGateway({ engine, overrides: { clock } });
    const receiver = await startReceiver(failTimes(1));
    const id = await subscribeEndpoint(gateway, receiver.url);
    await captureLeads(gateway);
    await vi.waitFor(
      async () => expect(await readDeliveries(gateway, id)).toMatchObject([{ attemptCount: 1 }]),
      POLL_OPTIONS,
    );
    clock.jump(-HOUR);
    clock.advance(MINUTE * 1.2);
    await vi.waitFor(
      async () => expect(await readDeliveries(gateway, id)).toMatchObject([{ status: 'DELIVERED' }]),
      POLL_OPTIONS,
    );
  });

  it('corrects at its start the due times that are too late because the clock was set back', async () => {
    const database = await createDatabase(engine);
    const first = await startWebhookGateway({ engine, database });
    const receiver = await startReceiver(failTimes(1));
    const id = await subscribeEndpoint(first, receiver.url);
    await captureLeads(first);
    await vi.waitFor(
      async () => expect(await readDeliveries(first, id)).toMatchObject([{ attemptCount: 1 }]),
      POLL_OPTIONS,
    );
    const late = toTimestamp(Date.now() + HOUR);
    await first.deps.db.transaction((trx) =>
      trx.updateTable('webhook_deliveries').set({ next_attempt_at: late, leased_until: late }).execute(),
    );
    await first.close();
    const second = { ...(await startWebhookGateway({ engine, database })), accountId: first.accountId };
    await vi.waitFor(
      async () => expect(await readDeliveries(second, id)).toMatchObject([{ status: 'DELIVERED' }]),
      POLL_OPTIONS,
    );
  });

  it('keeps the due deliveries of a switched-off endpoint until it is active again', async () => {
    const clock = createManualClock();
    const gateway = await startWebhookGateway({ engine, overrides: { clock } });
    const receiver = await startReceiver(failTimes(1, respond(410)));
    const id = await subscribeEndpoint(gateway, receiver.url);
    const other = await startReceiver();
    const otherId = await subscribeEndpoint(gateway, other.url);
    await captureLeads(gateway);
    await vi.waitFor(
      async () => expect(await readSubscription(gateway, id)).toMatchObject({ isActive: false }),
      POLL_OPTIONS,
    );
    clock.advance(HOUR);
    await captureLeads(gateway);
    await vi.waitFor(
      async () =>
        expect(await readDeliveries(gateway, otherId)).toMatchObject([
          { status: 'DELIVERED' },
          { status: 'DELIVERED' },
        ]),
      POLL_OPTIONS,
    );
    expect(receiver.received).toHaveLength(1);
    await gateway.deps.db.transaction((trx) =>
      trx
        .updateTable('webhook_subscriptions')
        .set({ is_active: 1, failing_since: null })
        .where('id', '=', id)
        .execute(),
    );
    await vi.waitFor(
      async () => expect(await readDeliveries(gateway, id)).toMatchObject([{ status: 'DELIVERED' }]),
      POLL_OPTIONS,
    );
  });

  it('logs a warning after 60 hours without a success, and switches the endpoint off after 120', async () => {
    const clock = createManualClock();
    const gateway = await startWebhookGateway({ engine, overrides: { clock } });
    const receiver = await startReceiver(respond(500));
    const id = await subscribeEndpoint(gateway, receiver.url, { schedule: 'LONG' });
    const fail = async () => {
      const { length } = receiver.received;
      await captureLeads(gateway);
      await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(length), POLL_OPTIONS);
      await vi.waitFor(async () => {
        const counts = (await readDeliveries(gateway, id)).map(({ attemptCount }) => attemptCount);
        expect(Math.min(...counts)).toBeGreaterThan(0);
      }, POLL_OPTIONS);
    };
    const warnings = () => gateway.logs.filter(({ msg }) => /will be switched off/.test(String(msg)));
    await fail();
    const { failingSince } = await readSubscription(gateway, id);
    expect(failingSince).not.toBeNull();
    clock.advance(59 * HOUR);
    await fail();
    expect(warnings()).toHaveLength(0);
    clock.advance(HOUR + MINUTE);
    await fail();
    await vi.waitFor(() => expect(warnings()).toHaveLength(1), POLL_OPTIONS);
    const { data } = await gateway.graphql<{ webhookSubscription: { willBeDisabledAt: string } }>(
      'query ($id: ID!) { webhookSubscription(id: $id) { willBeDisabledAt } }',
      { id },
    );
    const remainingMs = Date.parse(data.webhookSubscription.willBeDisabledAt) - clock.now();
    expect(Math.abs(remainingMs - 60 * HOUR)).toBeLessThan(MINUTE);
    clock.advance(59 * HOUR);
    await fail();
    expect(await readSubscription(gateway, id)).toMatchObject({ isActive: true, failingSince });
    clock.advance(2 * HOUR);
    await fail();
    const disabledReason = 'Nothing could be delivered for 120 hours.';
    await vi.waitFor(
      async () => expect(await readSubscription(gateway, id)).toMatchObject({ isActive: false, disabledReason }),
      POLL_OPTIONS,
    );
    expect(warnings()).toHaveLength(1);
  });

  it('gives up a delivery that it cannot sign, and sends the others', async () => {
    const gateway = await startWebhookGateway({ engine });
    const receiver = await startReceiver();
    const brokenId = await subscribeEndpoint(gateway, receiver.url, { sealed: { sealedSecret: 'nonsense' } });
    const id = await subscribeEndpoint(gateway, receiver.url);
    await captureLeads(gateway);
    await vi.waitFor(
      async () => expect(await readDeliveries(gateway, id)).toMatchObject([{ status: 'DELIVERED' }]),
      POLL_OPTIONS,
    );
    await vi.waitFor(
      async () => expect(await readDeliveries(gateway, brokenId)).toMatchObject([{ status: 'EXHAUSTED' }]),
      POLL_OPTIONS,
    );
    expect(await readDeliveries(gateway, brokenId)).toMatchObject([
      { attempts: [{ number: 1, statusCode: null, error: 'its secret cannot be read: SECRET_KEY has changed' }] },
    ]);
    expect(receiver.received).toHaveLength(1);
  });

  it('finishes the attempts in flight when it stops, and leaves the rest to the next process', async () => {
    const database = await createDatabase(engine);
    const gateway = await startWebhookGateway({ database });
    const finishResponses: (() => void)[] = [];
    const receiver = await startReceiver((response) => void finishResponses.push(() => response.end('late')));
    const id = await subscribeEndpoint(gateway, receiver.url);
    await captureLeads(gateway, 7);
    await vi.waitFor(() => expect(finishResponses).toHaveLength(5), POLL_OPTIONS);
    const closing = gateway.close();
    for (const finish of finishResponses) finish();
    await closing;
    expect(receiver.received).toHaveLength(5);
    receiver.setBehaviour(respond(200));
    const next = { ...(await startWebhookGateway({ database })), accountId: gateway.accountId };
    await vi.waitFor(() => expect(receiver.received).toHaveLength(7), POLL_OPTIONS);
    await vi.waitFor(async () => {
      const deliveries = await readDeliveries(next, id);
      expect(deliveries.map(({ status, attemptCount }) => [status, attemptCount])).toEqual(
        Array(7).fill(['DELIVERED', 1]),
      );
      expect(deliveries.filter(({ attempts }) => attempts[0]?.response === 'late')).toHaveLength(5);
    }, POLL_OPTIONS);
  });

  it('notifies delivery streams when a delivery is created and after each attempt', async () => {
    const gateway = await startWebhookGateway({ engine });
    const { promise, resolve } = Promise.withResolvers<() => void>();
    const receiver = await startReceiver((response) => resolve(() => response.end()));
    await subscribeEndpoint(gateway, receiver.url);
    const listener = vi.fn();
    gateway.deps.bus.subscribe(deliveriesTopic(gateway.accountId), listener);
    await captureLeads(gateway);
    await vi.waitFor(() => expect(listener).toHaveBeenCalledTimes(1), POLL_OPTIONS);
    (await promise)();
    await vi.waitFor(() => expect(listener).toHaveBeenCalledTimes(2), POLL_OPTIONS);
  });
});
