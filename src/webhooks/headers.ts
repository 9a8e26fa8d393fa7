import { type Clock, type Timestamp, toTimestamp } from '../domain/time.ts';
import type { WebhookDelivery } from '../domain/webhooks.ts';
import type { Sealer } from '../secrets.ts';
import type { SealedParts } from '../store/webhooks/subscriptions.ts';
import { type UnsealedParts, unsealParts } from './sealed.ts';
import { signDelivery } from './sign.ts';

/** The content of a delivery that its headers sign. */
export interface SignedContent {
  /** The event's id. */
  readonly id: string;
  readonly body: string;
  /** The time until which deliveries are signed with both secrets; null when there is only one secret. */
  readonly oldSecretUntil: Timestamp | null;
}

/** Builds the gateway's headers for an attempt at `now`; the subscription's custom headers cannot replace them. */
export function composeHeaders(
  { secret, oldSecret }: UnsealedParts,
  { id, body, oldSecretUntil }: SignedContent,
  now: number,
): Record<string, string> {
  const isRotating = oldSecretUntil !== null && oldSecretUntil > toTimestamp(now);
  const secrets = isRotating && oldSecret !== null ? [secret, oldSecret] : [secret];
  return { ...FIXED_HEADERS, ...signDelivery({ id, timestamp: Math.floor(now / 1_000), body, secrets }) };
}

const FIXED_HEADERS = {
  'content-type': 'application/json',
  'user-agent': 'ChatGraph-Webhooks',
  'accept-encoding': 'identity',
};

/**
 * Builds the headers of a delivery as if it were sent now, so that a client can forward it without the secret. Null
 * before the delivery has a body, and when the secret cannot be unsealed. The custom headers are left out, because no
 * client may read their values.
 */
export function signForForwarding(
  { sealer, clock }: { readonly sealer: Sealer; readonly clock: Clock },
  { subscriptionId, eventId, body }: WebhookDelivery,
  sealed: SealedParts | undefined,
): Record<string, string> | null {
  const parts = sealed && unsealParts(sealer, subscriptionId, sealed);
  if (parts === undefined || body === null) return null;
  return composeHeaders(parts, { id: eventId, body, oldSecretUntil: sealed?.oldSecretUntil ?? null }, clock.now());
}
