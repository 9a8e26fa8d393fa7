import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase } from '../helpers/gateway.ts';
import { startFaultProxyFor } from '../helpers/network.ts';
import { captureLeads, readDeliveries, startWebhookGateway, subscribeEndpoint } from '../helpers/webhooks/gateway.ts';
import { respond, startReceiver } from '../helpers/webhooks/receivers.ts';

const POLL_OPTIONS = { timeout: 10_000, interval: 50 };

describe.skipIf(!hasPostgres)('several gateways on one Postgres', () => {
  it('send each delivery once, and at most 5 deliveries of an endpoint at a time', async () => {
    const database = await createDatabase(POSTGRES);
    const gateways = await Promise.all([1, 2, 3].map(() => startWebhookGateway({ database })));
    const [first] = gateways;
    if (first === undefined) throw new Error('No gateway has started.');
    let openRequests = 0;
    let maxOpenRequests = 0;
    const receiver = await startReceiver((response) => {
      openRequests += 1;
      maxOpenRequests = Math.max(maxOpenRequests, openRequests);
      setTimeout(() => {
        openRequests -= 1;
        response.end();
      }, 10);
    });
    const id = await subscribeEndpoint(first, receiver.url);
    const { accountId } = first;
    for (let round = 0; round < 10; round++) {
      await Promise.all(gateways.map(({ deps }) => captureLeads({ deps, accountId }, 5)));
    }
    await vi.waitFor(async () => {
      const statuses = (await readDeliveries(first, id)).map(({ status }) => status);
      expect(statuses).toEqual(Array(150).fill('DELIVERED'));
    }, POLL_OPTIONS);
    expect(receiver.received).toHaveLength(150);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(150);
    expect(maxOpenRequests).toBeLessThanOrEqual(5);
  });

  it('send within a second an event that another process has stored', async () => {
    const database = await createDatabase(POSTGRES);
    const { deps, accountId } = await startWebhookGateway({ database });
    const receiver = await startReceiver();
    await subscribeEndpoint({ deps, accountId }, receiver.url);
    const db = await openDatabase({ url: database.url, role: 'tool' });
    onTestFinished(() => db.close());
    await captureLeads({ deps: { ...deps, db }, accountId });
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), { timeout: 1_000, interval: 5 });
  });
});

describe.skipIf(!hasPostgres)('a gateway whose Postgres is unreachable', () => {
  it('logs the failure once, delivers due events when Postgres is back, and repeats no sent delivery', async () => {
    const database = await createDatabase(POSTGRES);
    const { proxy, url } = await startFaultProxyFor(database.url, 5432);
    const gateway = await startWebhookGateway({ database: { ...database, url } });
    const finishResponses: (() => void)[] = [];
    const receiver = await startReceiver((response) => void finishResponses.push(() => response.end()));
    const id = await subscribeEndpoint(gateway, receiver.url);
    await captureLeads(gateway, 6);
    await vi.waitFor(() => expect(finishResponses).toHaveLength(5), POLL_OPTIONS);
    receiver.setBehaviour(respond(200));
    proxy.disconnect();
    for (const finish of finishResponses) finish();
    const findLogs = (text: string) => gateway.logs.filter(({ msg }) => String(msg).includes(text));
    await vi.waitFor(() => expect(findLogs('cannot deliver to webhook endpoints')).toHaveLength(1), POLL_OPTIONS);
    const clockReads = vi.spyOn(gateway.deps.clock, 'now');
    // Each retry of the worker reads the clock.
    await vi.waitFor(() => expect(clockReads.mock.calls.length).toBeGreaterThan(3), POLL_OPTIONS);
    proxy.restore();
    await vi.waitFor(async () => {
      const deliveries = await readDeliveries(gateway, id);
      expect(deliveries.map(({ status, attemptCount }) => [status, attemptCount])).toEqual(
        Array(6).fill(['DELIVERED', 1]),
      );
    }, POLL_OPTIONS);
    expect(receiver.received).toHaveLength(6);
    expect(findLogs('cannot deliver to webhook endpoints')).toHaveLength(1);
    expect(findLogs('delivering to webhook endpoints again')).toHaveLength(1);
  });
});
