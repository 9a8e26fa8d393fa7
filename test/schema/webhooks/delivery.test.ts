import { describe, expect, it } from 'vitest';
import type { AnswerEngine } from '../../../src/answer/engine.ts';
import type { WebhookEventName } from '../../../src/domain/webhooks.ts';
import { WEBHOOK_EVENTS } from '../../../src/domain/webhooks.ts';
import { WEBHOOK_SAMPLES } from '../../../src/webhooks/samples.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { openSharedGateway } from '../../helpers/shared-gateway.ts';
import {
  DELIVERY_FIELDS,
  listStoredDeliveries,
  SECRET_KEY,
  storeDelivery,
  subscribe,
} from '../../helpers/webhooks/webhooks.ts';
import { createKeyWith, mutate, openGateway as open } from '../support.ts';

const openGateway = () => openSharedGateway({ env: { SECRET_KEY } });
const EVENTS = Object.keys(WEBHOOK_EVENTS) as WebhookEventName[];
const SWITCHED_OFF = 'The subscription is switched off: nothing is sent to it.';

interface DeliveryPayload {
  readonly webhookDelivery: { id: string; eventId: string; status: string };
}

const sendTest = (gateway: TestGateway, subscriptionId: string, event = 'LEAD_CAPTURED') =>
  mutate<DeliveryPayload>(
    gateway,
    'sendTestWebhook',
    { id: subscriptionId, event },
    { selection: `webhookDelivery { ${DELIVERY_FIELDS} }` },
  );
const redeliver = (gateway: TestGateway, deliveryId: string) =>
  mutate<DeliveryPayload>(
    gateway,
    'redeliverWebhook',
    { id: deliveryId },
    { selection: `webhookDelivery { ${DELIVERY_FIELDS} }` },
  );

async function storeAttempts({ deps, accountId }: TestGateway, deliveryId: string, count: number) {
  const rows = Array.from({ length: count }, (_, n) => ({
    delivery_id: deliveryId,
    number: n + 1,
    account_id: accountId,
    at: '2026-03-15T10:30:00.123000+00:00' as never,
    duration_ms: 84,
    status_code: n === 0 ? null : 200,
    error: n === 0 ? 'did not answer' : null,
    response: n === 0 ? '' : 'ok',
  }));
  await deps.db.transaction((trx) => trx.insertInto('webhook_attempts').values(rows).execute());
}

async function readEvent({ deps }: TestGateway, id: string) {
  const row = await deps.db.read
    .selectFrom('webhook_events')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return { ...row, data: JSON.parse(row.data) };
}

describe('sendTestWebhook', () => {
  it.each(EVENTS)(
    'enqueues a sample of %s for this subscription only, even if it does not subscribe to that event',
    async (event) => {
      const gateway = await openGateway();
      const chatbotId = await createChatbot(gateway);
      const { id } = await subscribe(gateway, { events: ['HANDOFF_ENDED'] });
      const other = await subscribe(gateway, { events: EVENTS });
      const { webhookDelivery } = await sendTest(gateway, id, event);
      expect(webhookDelivery).toEqual({
        id: expect.any(String),
        subscription: { id },
        event,
        eventId: expect.any(String),
        occurredAt: expect.any(String),
        status: 'PENDING',
        payload: null,
        createdAt: expect.any(String),
        nextAttemptAt: expect.any(String),
        attemptCount: 0,
        attempts: [],
      });
      expect(await listStoredDeliveries(gateway, id)).toMatchObject([{ id: webhookDelivery.id, name: event }]);
      expect(await listStoredDeliveries(gateway, other.id)).toEqual([]);
      expect(await readEvent(gateway, webhookDelivery.eventId)).toMatchObject({
        name: event,
        chatbot_id: event === 'QUOTA_WARNING' ? null : chatbotId,
        data: WEBHOOK_SAMPLES[event].data,
        is_test: 1,
      });
    },
  );

  it("uses the subscription's chatbot, or none if the subscription has none", async () => {
    const gateway = await openGateway();
    const withoutChatbot = await sendTest(gateway, (await subscribe(gateway)).id);
    expect(await readEvent(gateway, withoutChatbot.webhookDelivery.eventId)).toMatchObject({ chatbot_id: null });
    await createChatbot(gateway);
    const chatbotId = await createChatbot(gateway);
    const withChatbot = await sendTest(gateway, (await subscribe(gateway, { chatbotId })).id);
    expect(await readEvent(gateway, withChatbot.webhookDelivery.eventId)).toMatchObject({ chatbot_id: chatbotId });
  });
});

describe('redeliverWebhook', () => {
  it.each(['DELIVERED', 'FAILED', 'EXHAUSTED'] as const)('makes a %s delivery due immediately', async (status) => {
    const gateway = await openGateway();
    const { id } = await subscribe(gateway);
    const delivery = await storeDelivery(gateway, id, { status, body: '{"a":1}', attemptCount: 4 });
    await storeAttempts(gateway, delivery.id, 4);
    const { webhookDelivery } = await redeliver(gateway, delivery.id);
    expect(webhookDelivery).toMatchObject({
      id: delivery.id,
      eventId: delivery.eventId,
      status: 'PENDING',
      payload: '{"a":1}',
      nextAttemptAt: expect.any(String),
      attemptCount: 4,
      attempts: Array(4).fill({ durationMs: 84 }),
    });
    expect(await listStoredDeliveries(gateway, id)).toHaveLength(1);
  });
});

describe('a subscription that is switched off', () => {
  it('rejects tests, redeliveries and replays', async () => {
    const gateway = await openGateway();
    const { id } = await subscribe(gateway);
    const delivery = await storeDelivery(gateway, id);
    await mutate(gateway, 'updateWebhookSubscription', { id, isActive: false });
    const since = new Date().toISOString();
    const answers = [
      await sendTest(gateway, id),
      await redeliver(gateway, delivery.id),
      await mutate(gateway, 'replayWebhooks', { id, since }),
    ];
    const refusal = { __typename: 'InvalidInputError', fields: [{ path: [], message: SWITCHED_OFF }] };
    expect(answers).toMatchObject([refusal, refusal, refusal]);
    expect(await listStoredDeliveries(gateway, id)).toMatchObject([{ next_attempt_at: null, status: 'DELIVERED' }]);
  });
});

describe('the delivery log', () => {
  it('lists deliveries with their attempts, newest first, optionally filtered by status', async () => {
    const gateway = await openGateway();
    const { id } = await subscribe(gateway);
    const first = await storeDelivery(gateway, id, { status: 'EXHAUSTED' });
    const second = await storeDelivery(gateway, id, { body: '{"event":"lead.captured"}', attemptCount: 2 });
    await storeAttempts(gateway, second.id, 2);
    const query = `query ($id: ID!, $filter: WebhookDeliveryFilter) { webhookSubscription(id: $id) {
      deliveries(first: 5, filter: $filter) { nodes { ${DELIVERY_FIELDS} } pageInfo { hasNextPage } }
    } }`;
    interface Log {
      webhookSubscription: { deliveries: { nodes: object[] } };
    }
    const { data } = await gateway.graphql<Log>(query, { id });
    const attempt = { at: '2026-03-15T10:30:00.123Z', durationMs: 84 };
    expect(data.webhookSubscription.deliveries.nodes).toMatchObject([
      {
        id: second.id,
        status: 'DELIVERED',
        payload: '{"event":"lead.captured"}',
        nextAttemptAt: null,
        attempts: [
          { ...attempt, number: 1, statusCode: null, error: 'did not answer', response: '' },
          { ...attempt, number: 2, statusCode: 200, error: null, response: 'ok' },
        ],
      },
      { id: first.id, status: 'EXHAUSTED', attempts: [] },
    ]);
    const exhausted = await gateway.graphql<Log>(query, { id, filter: { statuses: ['EXHAUSTED'] } });
    expect(exhausted.data.webhookSubscription.deliveries.nodes).toMatchObject([{ id: first.id }]);
  });

  it('shows only the last 20 attempts of a delivery', async () => {
    const gateway = await openGateway();
    const { id } = await subscribe(gateway);
    const delivery = await storeDelivery(gateway, id);
    await storeAttempts(gateway, delivery.id, 30);
    const { data } = await gateway.graphql<{ node: { attempts: { number: number }[] } }>(
      'query ($id: ID!) { node(id: $id) { ... on WebhookDelivery { attempts { number } } } }',
      { id: delivery.id },
    );
    expect(data.node.attempts.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, n) => n + 11));
  });

  it('cannot be read by a key without MANAGE, nor can the subscription', async () => {
    const gateway = await openGateway();
    const { id } = await subscribe(gateway);
    const delivery = await storeDelivery(gateway, id);
    const key = await createKeyWith(gateway, 'READ', 'CHAT');
    for (const nodeId of [id, delivery.id]) {
      const { data } = await gateway.graphql('query ($id: ID!) { node(id: $id) { id } }', { id: nodeId }, key);
      expect(data).toEqual({ node: null });
    }
  });
});

describe('webhookEvents', () => {
  it('describes every event, with a sample body in the format of the REST API', async () => {
    const gateway = await openGateway();
    const { data } = await gateway.graphql<{ webhookEvents: { event: WebhookEventName; sample: object }[] }>(
      '{ webhookEvents { event wireName description sample } }',
    );
    expect(data.webhookEvents.map(({ event }) => event)).toEqual(EVENTS);
    for (const { event, sample, ...rest } of data.webhookEvents) {
      expect(rest).toEqual({ wireName: WEBHOOK_EVENTS[event], description: expect.stringMatching(/\.$/) });
      expect(Object.keys(sample)).toEqual(['event', 'chatbot_id', 'timestamp', 'data']);
      expect(sample).toMatchObject({ event: WEBHOOK_EVENTS[event], data: WEBHOOK_SAMPLES[event].data });
    }
  });
});

it('is created for a failed reply, an escalation and an assignment', async () => {
  const failing: AnswerEngine = {
    // biome-ignore lint/correctness/useYield: it fails before its first event.
    async *answer() {
      throw new Error('The engine fails.');
    },
  };
  const gateway = await open({ env: { SECRET_KEY }, overrides: { engines: new Map([['builtin', failing]]) } });
  const events = ['MESSAGE_FAILED', 'CONVERSATION_ESCALATED', 'CONVERSATION_ASSIGNED'];
  const { id } = await subscribe(gateway, { events });
  const sent = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello' });
  await mutate(gateway, 'escalateConversation', { id: sent.conversationId });
  await mutate(gateway, 'assignConversation', { id: sent.conversationId, assignee: 'Ada' });
  const document = 'query ($id: ID!) { webhookSubscription(id: $id) { deliveries { nodes { event } } } }';
  const listEvents = async () => {
    const { data } = await gateway.graphql<{ webhookSubscription: { deliveries: { nodes: { event: string }[] } } }>(
      document,
      { id },
    );
    return data.webhookSubscription.deliveries.nodes.map(({ event }) => event).sort();
  };
  await expect.poll(listEvents).toEqual(events.toSorted());
});
