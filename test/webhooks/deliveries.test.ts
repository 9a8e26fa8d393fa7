import { expect, it, onTestFinished } from 'vitest';
import { deliveriesTopic } from '../../src/coordination/topics.ts';
import { createId } from '../../src/domain/ids.ts';
import { describeEngines, type TestEngine } from '../helpers/databases.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type Reader, TRANSPORTS } from '../helpers/streams.ts';
import { SECRET_KEY, subscribe, writeDelivery } from '../helpers/webhooks/webhooks.ts';
import { keyWith, mutate } from '../schema/support.ts';

async function open(engine?: TestEngine) {
  const gateway = await startGateway({ ...(engine && { engine }), env: { SECRET_KEY } });
  onTestFinished(() => gateway.close());
  return gateway;
}

const waitForReaders = ({ deps }: TestGateway, count: number) => expect.poll(() => deps.bus.size).toBe(count);
const test = (gateway: TestGateway, subscriptionId: string) =>
  mutate<{ webhookDelivery: { id: string } }>(
    gateway,
    'sendTestWebhook',
    { subscriptionId, event: 'LEAD_CAPTURED' },
    { selection: 'webhookDelivery { id }' },
  );
const idsOf = ({ events }: Reader) => [...new Set(events.map(({ id }) => id))];

/** Changes a delivery as an attempt does. */
async function attempt({ deps, accountId }: TestGateway, id: string, attemptCount: number) {
  await deps.db.transaction((trx) =>
    trx
      .updateTable('webhook_deliveries')
      .set({ status: 'EXHAUSTED', attempt_count: attemptCount, next_attempt_at: null })
      .where('id', '=', id)
      .execute(),
  );
  deps.bus.publish(deliveriesTopic(accountId));
}

describeEngines('webhookDeliveries', (engine) => {
  it.each(TRANSPORTS)('streams new and changed deliveries over $name, and no earlier ones', async (one) => {
    const gateway = await open(engine);
    const { id } = await subscribe(gateway);
    const other = await subscribe(gateway);
    const earlier = await writeDelivery(gateway, id);
    const all = one.subscribe(gateway, { subscriptionId: null });
    const own = one.subscribe(gateway, { subscriptionId: id });
    await waitForReaders(gateway, 2);

    const { webhookDelivery: first } = await test(gateway, id);
    expect(await own.until((event) => event.id === first.id)).toMatchObject({ subscription: { id } });
    const { webhookDelivery: second } = await test(gateway, other.id);
    await all.until((event) => event.id === second.id);
    expect(idsOf(all)).toEqual([first.id, second.id]);
    await attempt(gateway, earlier.id, 3);
    const tried = await own.until((event) => event.id === earlier.id);
    expect(tried).toMatchObject({ __typename: 'WebhookDelivery', status: 'EXHAUSTED', attemptCount: 3 });
    await all.until((event) => event.id === earlier.id && event.attemptCount === 3);
    await mutate(gateway, 'redeliverWebhook', { deliveryId: earlier.id });
    await own.until((event) => event.id === earlier.id && event.status !== 'EXHAUSTED');
    expect(idsOf(own)).toEqual([first.id, earlier.id]);
    for (const reader of [all, own]) reader.leave();
    await waitForReaders(gateway, 0);
  });

  it('streams the attempt of a delivery with more than a hundred newer ones', async () => {
    const gateway = await open(engine);
    const { id } = await subscribe(gateway);
    const late = await writeDelivery(gateway, id, {
      status: 'FAILED',
      nextAttemptAt: '2099-01-01T00:00:00.000000+00:00' as never,
    });
    for (let n = 0; n < 120; n++) await writeDelivery(gateway, id);
    const reader = TRANSPORTS[0]?.subscribe(gateway, { subscriptionId: id }) as Reader;
    await waitForReaders(gateway, 1);
    await attempt(gateway, late.id, 2);
    await reader.until((event) => event.id === late.id);
    expect(reader.events).toMatchObject([{ id: late.id, status: 'EXHAUSTED', attemptCount: 2 }]);
    reader.leave();
  });
});

it.each(TRANSPORTS)(
  'ends over $name when its API key is revoked, and when the subscription is deleted',
  async (transport) => {
    const gateway = await open();
    const { id } = await subscribe(gateway);
    const key = await keyWith(gateway, 'MANAGE');
    const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
    const doomed = transport.subscribe(gateway, { subscriptionId: id, key });
    const reader = transport.subscribe(gateway, { subscriptionId: id });
    await waitForReaders(gateway, 2);
    await mutate(gateway, 'revokeApiKey', { id: data.viewer.apiKey.id });
    await doomed.ended;
    await mutate(gateway, 'deleteWebhookSubscription', { id });
    await reader.ended;
    expect([doomed.events, reader.events, reader.errors]).toEqual([[], [], []]);
    await waitForReaders(gateway, 0);
  },
);

it.each(TRANSPORTS)(
  'rejects over $name other accounts, whatever they name, and viewers without MANAGE',
  async (one) => {
    const gateway = await open();
    const { id } = await subscribe(gateway);
    const { key } = await gateway.createTenant();
    for (const subscriptionId of [id, createId('webhookSubscription'), gateway.accountId, 'nonsense', '']) {
      const reader = one.subscribe(gateway, { subscriptionId, key });
      await reader.ended;
      expect(reader.errors).toEqual(['NOT_FOUND']);
    }
    const reader = one.subscribe(gateway, { subscriptionId: id, key: await keyWith(gateway, 'READ', 'CHAT') });
    await reader.ended;
    expect(reader.errors).toEqual(['FORBIDDEN']);
  },
);

it("streams nothing of another account's deliveries", async () => {
  const gateway = await open();
  const stranger = { ...gateway, ...(await gateway.createTenant()) };
  const reader = TRANSPORTS[0]?.subscribe(gateway, { subscriptionId: null, key: stranger.key }) as Reader;
  await waitForReaders(gateway, 1);
  await test(gateway, (await subscribe(gateway)).id);
  const { id } = await subscribe(stranger, {}, stranger.key);
  const own = await writeDelivery(stranger, id);
  gateway.deps.bus.publish(deliveriesTopic(stranger.accountId));
  await reader.until((event) => event.id === own.id);
  expect(idsOf(reader)).toEqual([own.id]);
  reader.leave();
});
