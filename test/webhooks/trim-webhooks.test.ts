import { expect, it, onTestFinished } from 'vitest';
import { toTimestamp } from '../../src/domain/time.ts';
import { trimWebhooks } from '../../src/webhooks/trim-webhooks.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeDatabases, type TestEngine } from '../helpers/databases.ts';
import { startGateway } from '../helpers/gateway.ts';
import { SECRET_KEY, storeDelivery, storeEvent, subscribe } from '../helpers/webhooks/webhooks.ts';

const DAY_MS = 86_400_000;

async function openGateway(engine: TestEngine, env = {}) {
  const clock = createManualClock();
  const gateway = await startGateway({ engine, env: { SECRET_KEY, ...env }, overrides: { clock } });
  onTestFinished(() => gateway.close());
  const { id } = await subscribe(gateway);
  const trim = () => trimWebhooks(gateway.deps, new AbortController().signal);
  const { read } = gateway.deps.db;
  const listEvents = async () =>
    (await read.selectFrom('webhook_events').select('id').orderBy('id').execute()).map((row) => row.id);
  const count = async (table: 'webhook_deliveries' | 'webhook_attempts') =>
    (await read.selectFrom(table).select('account_id').execute()).length;
  return { gateway, clock, id, trim, listEvents, count };
}

describeDatabases('a stored webhook event', (engine) => {
  it('is deleted after 30 days with its deliveries, unless a delivery still has a next attempt', async () => {
    const { gateway, clock, id, trim, listEvents, count } = await openGateway(engine);
    const { accountId, deps } = gateway;
    const delivered = await storeDelivery(gateway, id);
    const at = toTimestamp(clock.now());
    const attempt = { delivery_id: delivered.id, number: 1, account_id: accountId, at, duration_ms: 1, response: '' };
    await deps.db.transaction((trx) =>
      trx
        .insertInto('webhook_attempts')
        .values(attempt as never)
        .execute(),
    );
    await storeEvent(gateway);
    const unfinished = await storeDelivery(gateway, id, {
      status: 'FAILED',
      nextAttemptAt: toTimestamp(clock.now() + 99 * DAY_MS),
    });
    clock.advance(30 * DAY_MS);
    const recent = await storeDelivery(gateway, id);
    await trim();
    expect(await listEvents()).toHaveLength(4);
    clock.advance(1);
    await trim();
    expect(await listEvents()).toEqual([unfinished.eventId, recent.eventId]);
    expect([await count('webhook_deliveries'), await count('webhook_attempts')]).toEqual([2, 0]);
  });

  it('is deleted in one of several transactions if there are many events to delete', async () => {
    const { gateway, clock, trim, listEvents } = await openGateway(engine);
    for (let n = 0; n < 510; n++) await storeEvent(gateway);
    clock.advance(31 * DAY_MS);
    await trim();
    expect(await listEvents()).toEqual([]);
  });

  it('is kept when EVENT_RETENTION_DAYS is 0', async () => {
    const { gateway, clock, trim, listEvents } = await openGateway(engine, { EVENT_RETENTION_DAYS: '0' });
    const { id } = await storeEvent(gateway);
    clock.advance(999 * DAY_MS);
    await trim();
    expect(await listEvents()).toEqual([id]);
  });
});
