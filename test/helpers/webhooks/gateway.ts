import { onTestFinished } from 'vitest';
import type { Deps } from '../../../src/deps.ts';
import { createId } from '../../../src/domain/ids.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import type { WebhookAttempt, WebhookDelivery, WebhookSubscription } from '../../../src/domain/webhooks.ts';
import { listWebhookDeliveries } from '../../../src/store/lists/delivery-list.ts';
import { listWebhookAttempts } from '../../../src/store/webhooks/deliveries.ts';
import { enqueueEvents } from '../../../src/store/webhooks/outbox.ts';
import {
  type Endpoint,
  findWebhookSubscription,
  insertWebhookSubscription,
  type SealedParts,
} from '../../../src/store/webhooks/subscriptions.ts';
import { sealHeaders, sealSecret } from '../../../src/webhooks/sealed.ts';
import { createSecret } from '../../../src/webhooks/secret.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../gateway.ts';

/** Settings that seal the secrets of webhooks and allow endpoints on this machine. */
export const WEBHOOK_ENV = { SECRET_KEY: '5e'.repeat(32), SSRF_ALLOW_CIDRS: '127.0.0.0/8' };

/** Starts a gateway that delivers webhooks to this machine and closes with the test. */
export async function startWebhookGateway({ env, ...options }: GatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway({ ...options, env: { ...WEBHOOK_ENV, ...env } });
  onTestFinished(() => gateway.close());
  return gateway;
}

/** The properties of an endpoint that a test may set. */
export interface EndpointOptions extends Partial<WebhookSubscription> {
  readonly accountId: string;
  readonly url: string;
  readonly secret?: string;
  readonly oldSecret?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly sealed?: Partial<SealedParts>;
}

/** Creates an endpoint that is subscribed to new leads. */
export function createEndpoint(
  { sealer, clock }: Pick<Deps, 'sealer' | 'clock'>,
  { secret = createSecret(), oldSecret, headers = {}, sealed, ...fields }: EndpointOptions,
): Endpoint {
  const id = createId('webhookSubscription');
  const at = toTimestamp(clock.now());
  const subscription: WebhookSubscription = {
    id,
    chatbotId: null,
    description: 'Test endpoint',
    events: ['LEAD_CAPTURED'],
    channels: null,
    schedule: 'SHORT',
    document: null,
    isActive: true,
    disabledReason: null,
    failingSince: null,
    warnedAt: null,
    createdAt: at,
    updatedAt: at,
    ...fields,
  };
  return {
    subscription,
    sealed: {
      sealedSecret: sealSecret(sealer, id, 'sealed_secret', secret),
      sealedOldSecret: oldSecret === undefined ? null : sealSecret(sealer, id, 'sealed_old_secret', oldSecret),
      oldSecretUntil: oldSecret === undefined ? null : toTimestamp(clock.now() + 60_000),
      sealedHeaders: sealHeaders(sealer, id, headers),
      ...sealed,
    },
  };
}

/** Stores an endpoint for the first account of a gateway, and returns its id. */
export async function subscribeEndpoint(
  { deps, accountId }: Pick<TestGateway, 'deps' | 'accountId'>,
  url: string,
  fields: Partial<EndpointOptions> = {},
): Promise<string> {
  const { subscription, sealed } = createEndpoint(deps, { accountId, ...fields, url });
  await deps.db.transaction((trx) => insertWebhookSubscription(trx, subscription, sealed));
  return subscription.id;
}

/** Enqueues `count` events of new leads for all endpoints that are subscribed to them. */
export async function captureLeads({ deps, accountId }: Pick<TestGateway, 'deps' | 'accountId'>, count = 1) {
  const at = toTimestamp(deps.clock.now());
  const events = Array.from({ length: count }, (_, index) => ({
    name: 'LEAD_CAPTURED' as const,
    buildPayload: () => ({ data: { lead_id: `lead-${index}`, name: 'Åse 😀', email: '', phone: '', custom_data: {} } }),
  }));
  await deps.db.transaction((trx) => enqueueEvents(trx, { accountId, chatbotId: null, at }, events));
}

/** A delivery with its attempts. */
export interface DeliveryWithAttempts extends WebhookDelivery {
  readonly attempts: readonly WebhookAttempt[];
}

/** Reads the deliveries of a subscription, oldest first. */
export async function readDeliveries(
  { deps, accountId }: Pick<TestGateway, 'deps' | 'accountId'>,
  subscriptionId: string,
): Promise<DeliveryWithAttempts[]> {
  const { read } = deps.db;
  const selection = { subscriptionId, filter: {}, order: { field: 'CREATED_AT', direction: 'ASC' } } as const;
  const { items: deliveries } = await listWebhookDeliveries(read, accountId, selection, { limit: 1_000 });
  if (deliveries.length === 0) return [];
  const ids = deliveries.map(({ id }) => id);
  const attempts = Map.groupBy(await listWebhookAttempts(read, accountId, ids), ({ deliveryId }) => deliveryId);
  return deliveries.map((delivery) => ({ ...delivery, attempts: attempts.get(delivery.id) ?? [] }));
}

/** Reads the current state of a subscription. */
export async function readSubscription(
  { deps, accountId }: Pick<TestGateway, 'deps' | 'accountId'>,
  id: string,
): Promise<WebhookSubscription> {
  const found = await findWebhookSubscription(deps.db.read, accountId, id);
  if (found === undefined) throw new Error('There is no such subscription.');
  return found;
}
