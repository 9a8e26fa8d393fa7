import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase } from '../helpers/gateway.ts';
import { openWireTo } from '../helpers/network.ts';
import { captureLeads, readDeliveries, startWebhookGateway, subscribeEndpoint } from '../helpers/webhooks/gateway.ts';
import { answer, startReceiver } from '../helpers/webhooks/receivers.ts';

const soon = { timeout: 10_000, interval: 50 };

describe.skipIf(!hasPostgres)('several gateways on one Postgres', () => {
  it('share the deliveries: each is sent once, at most 5 of an endpoint at a time', async () => {
    const database = await createDatabase(POSTGRES);
    const gateways = await Promise.all([1, 2, 3].map(() => startWebhookGateway({ database })));
    const [first] = gateways;
    if (first === undefined) throw new Error('There is none.');
    let underWay = 0;
    let most = 0;
    const receiver = await startReceiver((response) => {
      underWay += 1;
      most = Math.max(most, underWay);
      setTimeout(() => {
        underWay -= 1;
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
    }, soon);
    expect(receiver.received).toHaveLength(150);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(150);
    expect(most).toBeLessThanOrEqual(5);
  });

  it('send what another process has written, within a second', async () => {
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
  it('logs it once, delivers due events when Postgres is back, and repeats no delivery that it had sent', async () => {
    const database = await createDatabase(POSTGRES);
    const { wire, url } = await openWireTo(database.url, 5432);
    const gateway = await startWebhookGateway({ database: { ...database, url } });
    const waiting: (() => void)[] = [];
    const receiver = await startReceiver((response) => void waiting.push(() => response.end()));
    const id = await subscribeEndpoint(gateway, receiver.url);
    await captureLeads(gateway, 6);
    await vi.waitFor(() => expect(waiting).toHaveLength(5), soon);
    receiver.become(answer(200));
    wire.cut();
    for (const finish of waiting) finish();
    const findLogs = (text: string) => gateway.logs.filter(({ msg }) => String(msg).includes(text));
    await vi.waitFor(() => expect(findLogs('cannot deliver to webhook endpoints')).toHaveLength(1), soon);
    const looks = vi.spyOn(gateway.deps.clock, 'now');
    // The worker keeps trying.
    await vi.waitFor(() => expect(looks.mock.calls.length).toBeGreaterThan(3), soon);
    wire.mend();
    await vi.waitFor(async () => {
      const deliveries = await readDeliveries(gateway, id);
      expect(deliveries.map(({ status, attemptCount }) => [status, attemptCount])).toEqual(
        Array(6).fill(['DELIVERED', 1]),
      );
    }, soon);
    expect(receiver.received).toHaveLength(6);
    expect(findLogs('cannot deliver to webhook endpoints')).toHaveLength(1);
    expect(findLogs('delivering to webhook endpoints again')).toHaveLength(1);
  });
});
