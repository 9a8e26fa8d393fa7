import { type Clock, type Timestamp, toTimestamp } from '../domain/time.ts';
import type { WebhookDelivery } from '../domain/webhooks.ts';
import type { Sealer } from '../secrets.ts';
import type { SealedParts } from '../store/webhooks/subscriptions.ts';
import { type UnsealedParts, unsealParts } from './sealed.ts';
import { signDelivery } from './sign.ts';

/** What is sent. */
export interface SignedContent {
  /** Of the event. */
  readonly id: string;
  readonly body: string;
  /** Until when both secrets count; null where there is but one. */
  readonly oldSecretUntil: Timestamp | null;
}

/** The headers of an attempt that is made now, without those that the endpoint wants: none of which these can change. */
export function composeHeaders(
  { secret, oldSecret }: UnsealedParts,
  { id, body, oldSecretUntil }: SignedContent,
  now: number,
): Record<string, string> {
  const isRotating = oldSecretUntil !== null && oldSecretUntil > toTimestamp(now);
  const secrets = isRotating && oldSecret !== null ? [secret, oldSecret] : [secret];
  return { ...ALWAYS, ...signDelivery({ id, timestamp: Math.floor(now / 1_000), body, secrets }) };
}

const ALWAYS = {
  'content-type': 'application/json',
  'user-agent': 'ChatGraph-Webhooks',
  'accept-encoding': 'identity',
};

/**
 * Signs a delivery as if it were sent now, so that it can be handed on without its secret; null before it has a body, and
 * where the secret cannot be read. What the endpoint wants to be sent besides is left out, as nobody can read it again.
 */
export function signAgain(
  { sealer, clock }: { readonly sealer: Sealer; readonly clock: Clock },
  { subscriptionId, eventId, body }: WebhookDelivery,
  sealed: SealedParts | undefined,
): Record<string, string> | null {
  const parts = sealed && unsealParts(sealer, subscriptionId, sealed);
  if (parts === undefined || body === null) return null;
  return composeHeaders(parts, { id: eventId, body, oldSecretUntil: sealed?.oldSecretUntil ?? null }, clock.now());
}
