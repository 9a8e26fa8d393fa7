import { createId } from '../../../src/domain/ids.ts';
import { toJson } from '../../../src/domain/json.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import type { WebhookDelivery, WebhookEvent } from '../../../src/domain/webhooks.ts';
import { insertWebhookDeliveries } from '../../../src/store/webhooks/deliveries.ts';
import { insertWebhookEvent } from '../../../src/store/webhooks/events.ts';
import { createDelivery } from '../../../src/store/webhooks/outbox.ts';
import { mutate } from '../../schema/support.ts';
import type { TestGateway } from '../gateway.ts';

/** The `SECRET_KEY` with which a gateway on Postgres seals secrets. */
export const SECRET_KEY = 'ab'.repeat(32);

/** The URL of an endpoint that does not exist. */
export const ENDPOINT_URL = 'https://hooks.example.com/in?of=us';

/** All readable fields of a subscription. */
export const SUBSCRIPTION_FIELDS = `id chatbot { id } url description events channels schedule headerNames isActive
  disabledReason failingSince willBeDisabledAt createdAt updatedAt`;

/** All readable fields of a delivery. */
export const DELIVERY_FIELDS = `id subscription { id } event eventId occurredAt status payload createdAt nextAttemptAt attemptCount
  attempts { number at durationMs statusCode error response }`;

/** A subscription in a response. */
export interface Subscription {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly isActive: boolean;
}

/** Subscribes an endpoint to new leads; `fields` override the defaults. */
export async function subscribe(
  gateway: TestGateway,
  fields: object = {},
  key = gateway.key,
): Promise<Subscription & { secret: string }> {
  const input = { url: ENDPOINT_URL, events: ['LEAD_CAPTURED'], ...fields };
  const { webhookSubscription, secret } = await mutate<{ webhookSubscription: Subscription; secret: string }>(
    gateway,
    'createWebhookSubscription',
    input,
    { selection: `webhookSubscription { ${SUBSCRIPTION_FIELDS} } secret`, key },
  );
  return { ...webhookSubscription, secret };
}

/** Stores an event without deliveries. */
export async function storeEvent(
  { deps, accountId }: TestGateway,
  fields: Partial<WebhookEvent> = {},
): Promise<WebhookEvent> {
  const event: WebhookEvent = {
    id: createId('webhookEvent'),
    ...{ accountId, chatbotId: null, name: 'LEAD_CAPTURED' },
    ...{ conversationId: null, messageId: null, leadId: null, sourceId: null },
    data: toJson({}),
    at: toTimestamp(deps.clock.now()),
    ...fields,
  };
  await deps.db.transaction((trx) => insertWebhookEvent(trx, event));
  return event;
}

/** Stores a delivery of a new event; its status is `DELIVERED` unless `fields` override it. */
export async function storeDelivery(
  gateway: TestGateway,
  subscriptionId: string,
  fields: Partial<WebhookDelivery> = {},
): Promise<WebhookDelivery> {
  const event = await storeEvent(gateway);
  const delivery: WebhookDelivery = {
    ...createDelivery(event, subscriptionId, event.at),
    ...{ status: 'DELIVERED', body: '{}', attemptCount: 1, nextAttemptAt: null },
    ...fields,
  };
  await gateway.deps.db.transaction((trx) => insertWebhookDeliveries(trx, [delivery]));
  return delivery;
}

/** Lists the stored deliveries of a subscription, oldest first. */
export async function listStoredDeliveries({ deps }: TestGateway, subscriptionId: string) {
  return deps.db.read
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('subscription_id', '=', subscriptionId)
    .orderBy('id')
    .execute();
}
