import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { insertWebhookEvent } from '../../src/store/webhooks/events.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeDatabases, type TestEngine } from '../helpers/databases.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { listStoredDeliveries, SECRET_KEY, storeEvent, subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';

const DAY_MS = 86_400_000;

async function openGateway(engine: TestEngine) {
  const clock = createManualClock();
  const gateway = await startGateway({ engine, env: { SECRET_KEY }, overrides: { clock } });
  onTestFinished(() => gateway.close());
  const replay = (subscriptionId: string, input: { sinceMs?: number; events?: string[] } = {}) => {
    const { sinceMs = clock.now() - DAY_MS, events } = input;
    return mutate(
      gateway,
      'replayWebhooks',
      { id: subscriptionId, since: new Date(sinceMs).toISOString(), events },
      { selection: 'webhookSubscription { id } count nextSince' },
    );
  };
  return { gateway, clock, replay };
}

const eventIdsOf = async (gateway: TestGateway, subscriptionId: string) =>
  (await listStoredDeliveries(gateway, subscriptionId)).map(({ event_id }) => event_id);

describeDatabases('replayWebhooks', (engine) => {
  it('resends the events since a time, in order and with their ids', async () => {
    const { gateway, clock, replay } = await openGateway(engine);
    const { id } = await subscribe(gateway);
    await storeEvent(gateway);
    clock.advance(1);
    const first = await storeEvent(gateway);
    const second = await storeEvent(gateway);
    const answer = await replay(id, { sinceMs: clock.now() });
    expect(answer).toEqual({
      __typename: 'ReplayWebhooksPayload',
      webhookSubscription: { id },
      count: 2,
      nextSince: null,
    });
    expect(await eventIdsOf(gateway, id)).toEqual([first.id, second.id]);
    await replay(id, { sinceMs: clock.now() });
    expect(await eventIdsOf(gateway, id)).toEqual([first.id, second.id, first.id, second.id]);
    expect(await replay(id, { sinceMs: clock.now() + 1 })).toMatchObject({ count: 0, nextSince: null });
  });

  it('excludes test events and events that the subscription does not match', async () => {
    const { gateway, replay } = await openGateway(engine);
    const [chatbotId, otherChatbotId] = [await createChatbot(gateway), await createChatbot(gateway)];
    const events = ['LEAD_CAPTURED', 'MESSAGE_RATED'];
    const { id } = await subscribe(gateway, { chatbotId, events, channels: ['GRAPHQL'] });
    const { conversationId } = await send(gateway, { chatbotId, content: 'Hello' });
    const eventFields = { chatbotId, conversationId };
    const lead = await storeEvent(gateway, eventFields);
    const rated = await storeEvent(gateway, { ...eventFields, name: 'MESSAGE_RATED' });
    await storeEvent(gateway, { ...eventFields, name: 'SOURCE_DONE' });
    await storeEvent(gateway, { ...eventFields, chatbotId: otherChatbotId });
    await storeEvent(gateway, { ...eventFields, conversationId: createId('conversation') });
    await gateway.deps.db.transaction((trx) =>
      insertWebhookEvent(trx, { ...lead, id: createId('webhookEvent') }, { isTest: true }),
    );
    const otherTenant = await gateway.createTenant();
    await storeEvent({ ...gateway, ...otherTenant }, eventFields);
    expect(await replay(id)).toMatchObject({ count: 2 });
    expect(await eventIdsOf(gateway, id)).toEqual([lead.id, rated.id]);
    expect(await replay(id, { events: ['MESSAGE_RATED'] })).toMatchObject({ count: 1 });
    await mutate(gateway, 'updateWebhookSubscription', { id, channels: ['CHAT_PAGE'] });
    expect(await replay(id)).toMatchObject({ count: 0 });
  });

  it('rejects a time more than 30 days ago, and events to which the webhook does not subscribe', async () => {
    const { gateway, clock, replay } = await openGateway(engine);
    const { id } = await subscribe(gateway);
    const tooOld = await replay(id, { sinceMs: clock.now() - 30 * DAY_MS - 1 });
    expect(tooOld).toMatchObject({ fields: [{ path: ['since'], message: 'Must be at most 30 days ago.' }] });
    expect(await replay(id, { sinceMs: clock.now() - 30 * DAY_MS })).toMatchObject({ count: 0 });
    for (const events of [['HANDOFF_ENDED'], [], ['LEAD_CAPTURED', 'LEAD_CAPTURED']]) {
      expect(await replay(id, { events })).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: ['events'] }] });
    }
  });

  it('resends at most 10,000 events, and returns the time from which to continue', async () => {
    const { gateway, clock, replay } = await openGateway(engine);
    const { id } = await subscribe(gateway);
    const start = clock.now();
    await gateway.deps.db.transaction(async (trx) => {
      for (let n = 0; n < 10_005; n += 667) {
        const rows = Array.from({ length: Math.min(667, 10_005 - n) }, (_, index) => ({
          id: createId('webhookEvent'),
          account_id: gateway.accountId,
          name: 'LEAD_CAPTURED' as const,
          data: '{}' as never,
          at: toTimestamp(start + n + index),
        }));
        await trx.insertInto('webhook_events').values(rows).execute();
      }
    });
    clock.advance(DAY_MS);
    const first = await replay(id, { sinceMs: start });
    expect(first).toMatchObject({ count: 10_000, nextSince: new Date(start + 9_999).toISOString() });
    expect(await replay(id, { sinceMs: start + 10_000 })).toMatchObject({ count: 5, nextSince: null });
  }, 60_000);
});

it('rejects an invalid time', async () => {
  const gateway = await startGateway({ env: { SECRET_KEY } });
  onTestFinished(() => gateway.close());
  const { id } = await subscribe(gateway);
  const query =
    'mutation ($since: DateTime!, $id: ID!) { replayWebhooks(input: { id: $id, since: $since }) { __typename } }';
  for (const since of ['', 'yesterday', '2026-03-15', '2026-03-15T10:30:00', '2026-13-15T10:30:00Z', 1, null]) {
    const { errors } = await gateway.graphql(query, { id, since });
    expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  }
  for (const since of ['2099-03-15T10:30Z', '2099-03-15T10:30:00+02:00', '2099-03-15T10:30:00.123456-01:30']) {
    expect((await gateway.graphql(query, { id, since })).data).toEqual({
      replayWebhooks: { __typename: 'ReplayWebhooksPayload' },
    });
  }
});
