import { expect, it, onTestFinished } from 'vitest';
import { deliveriesTopic } from '../../src/coordination/topics.ts';
import { createId } from '../../src/domain/ids.ts';
import { describeDatabases, type TestEngine } from '../helpers/databases.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type Reader, TRANSPORTS } from '../helpers/streams.ts';
import { SECRET_KEY, storeDelivery, subscribe } from '../helpers/webhooks/webhooks.ts';
import { createKeyWith, mutate } from '../schema/support.ts';

async function openGateway(engine?: TestEngine) {
  const gateway = await startGateway({ ...(engine && { engine }), env: { SECRET_KEY } });
  onTestFinished(() => gateway.close());
  return gateway;
}

const waitForReaders = ({ deps }: TestGateway, count: number) => expect.poll(() => deps.bus.size).toBe(count);
const sendTest = (gateway: TestGateway, subscriptionId: string) =>
  mutate<{ webhookDelivery: { id: string } }>(
    gateway,
    'sendTestWebhook',
    { id: subscriptionId, event: 'LEAD_CAPTURED' },
    { selection: 'webhookDelivery { id }' },
  );
const idsOf = ({ events }: Reader) => [...new Set(events.map(({ id }) => id))];

/** Stores the state of a delivery after its last attempt, and publishes the change. */
async function recordAttempt({ deps, accountId }: TestGateway, id: string, attemptCount: number) {
  await deps.db.transaction((trx) =>
    trx
      .updateTable('webhook_deliveries')
      .set({ status: 'EXHAUSTED', attempt_count: attemptCount, next_attempt_at: null })
      .where('id', '=', id)
      .execute(),
  );
  deps.bus.publish(deliveriesTopic(accountId));
}

describeDatabases('webhookDeliveries', (engine) => {
  it.each(TRANSPORTS)(
    'streams new and changed deliveries over $name, but no earlier unchanged deliveries',
    async (transport) => {
      const gateway = await openGateway(engine);
      const { id } = await subscribe(gateway);
      const other = await subscribe(gateway);
      const earlier = await storeDelivery(gateway, id);
      const accountReader = transport.subscribe(gateway, { subscriptionId: null });
      const subscriptionReader = transport.subscribe(gateway, { subscriptionId: id });
      await waitForReaders(gateway, 2);

      const { webhookDelivery: first } = await sendTest(gateway, id);
      expect(await subscriptionReader.until((event) => event.id === first.id)).toMatchObject({ subscription: { id } });
      const { webhookDelivery: second } = await sendTest(gateway, other.id);
      await accountReader.until((event) => event.id === second.id);
      expect(idsOf(accountReader)).toEqual([first.id, second.id]);
      await recordAttempt(gateway, earlier.id, 3);
      const attempted = await subscriptionReader.until((event) => event.id === earlier.id);
      expect(attempted).toMatchObject({ __typename: 'WebhookDelivery', status: 'EXHAUSTED', attemptCount: 3 });
      await accountReader.until((event) => event.id === earlier.id && event.attemptCount === 3);
      await mutate(gateway, 'redeliverWebhook', { id: earlier.id });
      await subscriptionReader.until((event) => event.id === earlier.id && event.status !== 'EXHAUSTED');
      expect(idsOf(subscriptionReader)).toEqual([first.id, earlier.id]);
      for (const reader of [accountReader, subscriptionReader]) reader.unsubscribe();
      await waitForReaders(gateway, 0);
    },
  );

  it('streams an attempt of a delivery that is older than 120 other deliveries', async () => {
    const gateway = await openGateway(engine);
    const { id } = await subscribe(gateway);
    const delivery = await storeDelivery(gateway, id, {
      status: 'FAILED',
      nextAttemptAt: '2099-01-01T00:00:00.000000+00:00' as never,
    });
    for (let n = 0; n < 120; n++) await storeDelivery(gateway, id);
    const reader = TRANSPORTS[0]?.subscribe(gateway, { subscriptionId: id }) as Reader;
    await waitForReaders(gateway, 1);
    await recordAttempt(gateway, delivery.id, 2);
    await reader.until((event) => event.id === delivery.id);
    expect(reader.events).toMatchObject([{ id: delivery.id, status: 'EXHAUSTED', attemptCount: 2 }]);
    reader.unsubscribe();
  });
});

it.each(TRANSPORTS)(
  'webhookDeliveries ends over $name when its API key is revoked, and when the subscription is deleted',
  async (transport) => {
    const gateway = await openGateway();
    const { id } = await subscribe(gateway);
    const key = await createKeyWith(gateway, 'MANAGE');
    const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
    const readerWithRevokedKey = transport.subscribe(gateway, { subscriptionId: id, key });
    const reader = transport.subscribe(gateway, { subscriptionId: id });
    await waitForReaders(gateway, 2);
    await mutate(gateway, 'revokeApiKey', { id: data.viewer.apiKey.id });
    await readerWithRevokedKey.ended;
    await mutate(gateway, 'deleteWebhookSubscription', { id });
    await reader.ended;
    expect([readerWithRevokedKey.events, reader.events, reader.errors]).toEqual([[], [], []]);
    await waitForReaders(gateway, 0);
  },
);

it.each(TRANSPORTS)('webhookDeliveries rejects other accounts and keys without MANAGE: $name', async (transport) => {
  const gateway = await openGateway();
  const { id } = await subscribe(gateway);
  const { key } = await gateway.createTenant();
  for (const subscriptionId of [id, createId('webhookSubscription'), gateway.accountId, 'nonsense', '']) {
    const reader = transport.subscribe(gateway, { subscriptionId, key });
    await reader.ended;
    expect(reader.errors).toEqual(['NOT_FOUND']);
  }
  const reader = transport.subscribe(gateway, {
    subscriptionId: id,
    key: await createKeyWith(gateway, 'READ', 'CHAT'),
  });
  await reader.ended;
  expect(reader.errors).toEqual(['FORBIDDEN']);
});

it("webhookDeliveries does not stream another account's deliveries", async () => {
  const gateway = await openGateway();
  const otherAccount = { ...gateway, ...(await gateway.createTenant()) };
  const reader = TRANSPORTS[0]?.subscribe(gateway, { subscriptionId: null, key: otherAccount.key }) as Reader;
  await waitForReaders(gateway, 1);
  await sendTest(gateway, (await subscribe(gateway)).id);
  const { id } = await subscribe(otherAccount, {}, otherAccount.key);
  const ownDelivery = await storeDelivery(otherAccount, id);
  gateway.deps.bus.publish(deliveriesTopic(otherAccount.accountId));
  await reader.until((event) => event.id === ownDelivery.id);
  expect(idsOf(reader)).toEqual([ownDelivery.id]);
  reader.unsubscribe();
});
