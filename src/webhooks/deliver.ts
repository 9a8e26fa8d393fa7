import { performance } from 'node:perf_hooks';
import type { Clock } from '../domain/time.ts';
import type { Sealer } from '../secrets.ts';
import type { ReadyDelivery } from '../store/webhooks/queue.ts';
import { composeHeaders } from './headers.ts';
import { ATTEMPT_TIMEOUT_MS, describeFailedRequest, readResponseStart, readRetryAfter } from './receiver.ts';
import { unsealParts } from './sealed.ts';

/** The outcome of one attempt. */
export interface AttemptOutcome {
  /** Null when the receiver did not respond. */
  readonly statusCode: number | null;
  /** The reason for the failure, in words; null when the attempt succeeded. */
  readonly error: string | null;
  /** The first kilobyte of the response body. */
  readonly response: string;
  /** The time until the response started or the attempt failed. */
  readonly durationMs: number;
  /** The receiver's `Retry-After`; null when it sent none. */
  readonly retryAfterMs: number | null;
  /** Whether a retry cannot succeed. */
  readonly isPermanent: boolean;
}

/** The services that an attempt uses. */
export interface DeliverDeps {
  readonly clock: Clock;
  readonly sealer: Sealer;
  /** A `fetch` that refuses addresses that the gateway must not reach. */
  readonly fetch: typeof globalThis.fetch;
}

/**
 * Sends a delivery once. A status of 200 to 299 acknowledges it, regardless of the body. Whatever the receiver does,
 * the attempt ends with an outcome: the response must start within 10 seconds, and no connection stays open.
 */
export async function sendDelivery(
  { clock, sealer, fetch }: DeliverDeps,
  { delivery, body, endpoint: { subscription, sealed } }: ReadyDelivery,
): Promise<AttemptOutcome> {
  const startedAt = performance.now();
  const elapsedMs = () => Math.round(performance.now() - startedAt);
  try {
    const parts = unsealParts(sealer, subscription.id, sealed);
    if (parts === undefined) {
      return { ...NO_RESPONSE, error: 'its secret cannot be read: SECRET_KEY has changed', isPermanent: true };
    }
    const now = clock.now();
    const content = { id: delivery.eventId, body, oldSecretUntil: sealed.oldSecretUntil };
    const headers = new Headers(parts.headers);
    for (const [name, value] of Object.entries(composeHeaders(parts, content, now))) headers.set(name, value);
    const response = await fetch(subscription.url, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
    });
    const durationMs = elapsedMs();
    return {
      statusCode: response.status,
      error: response.ok ? null : `answered ${response.status}`,
      response: await readResponseStart(response.body),
      durationMs,
      retryAfterMs: response.ok ? null : readRetryAfter(response.headers.get('retry-after'), now),
      isPermanent: false,
    };
  } catch (failure) {
    return { ...NO_RESPONSE, ...describeFailedRequest(failure), durationMs: elapsedMs() };
  }
}

const NO_RESPONSE: Omit<AttemptOutcome, 'error'> = {
  statusCode: null,
  response: '',
  durationMs: 0,
  retryAfterMs: null,
  isPermanent: false,
};

/** The outcome of a delivery that is not attempted again, because processes crashed during its attempts. */
export const PROCESS_CRASHED: AttemptOutcome = {
  ...NO_RESPONSE,
  error: 'the gateway crashed three times while it attempted this delivery',
  isPermanent: true,
};
