import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { insertWebhookEvent } from '../../src/store/webhooks/events.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { describeEngines, type TestEngine } from '../helpers/databases.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { listStored, SECRET_KEY, subscribe, writeEvent } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';

const DAY_MS = 86_400_000;

async function open(engine: TestEngine) {
  const clock = createManualClock();
  const gateway = await startGateway({ engine, env: { SECRET_KEY }, replaced: { clock } });
  onTestFinished(() => gateway.close());
  const replay = (subscriptionId: string, input: { sinceMs?: number; events?: string[] } = {}) => {
    const { sinceMs = clock.now() - DAY_MS, events } = input;
    return mutate(
      gateway,
      'replayWebhooks',
      { subscriptionId, since: new Date(sinceMs).toISOString(), events },
      { selection: 'webhookSubscription { id } count nextSince' },
    );
  };
  return { gateway, clock, replay };
}

const toldOf = async (gateway: TestGateway, subscriptionId: string) =>
  (await listStored(gateway, subscriptionId)).map(({ event_id }) => event_id);

describeEngines('replayWebhooks', (engine) => {
  it('sends the events since a time again, in order and with their ids', async () => {
    const { gateway, clock, replay } = await open(engine);
    const { id } = await subscribe(gateway);
    await writeEvent(gateway);
    clock.turn(1);
    const first = await writeEvent(gateway);
    const second = await writeEvent(gateway);
    const answer = await replay(id, { sinceMs: clock.now() });
    expect(answer).toEqual({
      __typename: 'ReplayWebhooksPayload',
      webhookSubscription: { id },
      count: 2,
      nextSince: null,
    });
    expect(await toldOf(gateway, id)).toEqual([first.id, second.id]);
    await replay(id, { sinceMs: clock.now() });
    expect(await toldOf(gateway, id)).toEqual([first.id, second.id, first.id, second.id]);
    expect(await replay(id, { sinceMs: clock.now() + 1 })).toMatchObject({ count: 0, nextSince: null });
  });

  it('leaves out test events and events that the subscription does not match', async () => {
    const { gateway, replay } = await open(engine);
    const [chatbotId, other] = [await createChatbot(gateway), await createChatbot(gateway)];
    const events = ['LEAD_CAPTURED', 'MESSAGE_RATED'];
    const { id } = await subscribe(gateway, { chatbotId, events, channels: ['GRAPHQL'] });
    const { conversationId } = await send(gateway, { chatbotId, content: 'Hello' });
    const of = { chatbotId, conversationId };
    const lead = await writeEvent(gateway, of);
    const rated = await writeEvent(gateway, { ...of, name: 'MESSAGE_RATED' });
    await writeEvent(gateway, { ...of, name: 'SOURCE_DONE' });
    await writeEvent(gateway, { ...of, chatbotId: other });
    await writeEvent(gateway, { ...of, conversationId: createId('conversation') });
    await gateway.deps.db.transaction((trx) =>
      insertWebhookEvent(trx, { ...lead, id: createId('webhookEvent') }, { isTest: true }),
    );
    const stranger = await gateway.createTenant();
    await writeEvent({ ...gateway, ...stranger }, of);
    expect(await replay(id)).toMatchObject({ count: 2 });
    expect(await toldOf(gateway, id)).toEqual([lead.id, rated.id]);
    expect(await replay(id, { events: ['MESSAGE_RATED'] })).toMatchObject({ count: 1 });
    await mutate(gateway, 'updateWebhookSubscription', { id, channels: ['WIDGET'] });
    expect(await replay(id)).toMatchObject({ count: 0 });
  });

  it('rejects a time over 30 days ago, and events that the subscription does not list', async () => {
    const { gateway, clock, replay } = await open(engine);
    const { id } = await subscribe(gateway);
    const tooOld = await replay(id, { sinceMs: clock.now() - 30 * DAY_MS - 1 });
    expect(tooOld).toMatchObject({ fields: [{ path: ['since'], message: 'Must be at most 30 days ago.' }] });
    expect(await replay(id, { sinceMs: clock.now() - 30 * DAY_MS })).toMatchObject({ count: 0 });
    for (const events of [['HANDOFF_ENDED'], [], ['LEAD_CAPTURED', 'LEAD_CAPTURED']]) {
      expect(await replay(id, { events })).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: ['events'] }] });
    }
  });

  it('sends at most 10,000 events, and returns the time to continue from', async () => {
    const { gateway, clock, replay } = await open(engine);
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
    clock.turn(DAY_MS);
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
    'mutation ($since: DateTime!, $id: ID!) { replayWebhooks(input: { subscriptionId: $id, since: $since }) { __typename } }';
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
