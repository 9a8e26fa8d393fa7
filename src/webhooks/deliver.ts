import { performance } from 'node:perf_hooks';
import type { Clock } from '../domain/time.ts';
import type { Sealer } from '../secrets.ts';
import type { ReadyDelivery } from '../store/webhooks/queue.ts';
import { composeHeaders } from './headers.ts';
import { ATTEMPT_TIMEOUT_MS, describeFailedRequest, readResponseStart, readRetryAfter } from './receiver.ts';
import { unsealParts } from './sealed.ts';

/** What came of one attempt. */
export interface AttemptOutcome {
  /** Null where no answer came. */
  readonly statusCode: number | null;
  /** Why it failed, for people; null when it succeeded. */
  readonly error: string | null;
  /** The first kilobyte of the answer. */
  readonly response: string;
  /** Until the answer began, or the attempt failed. */
  readonly durationMs: number;
  /** For how long the receiver wants to be left alone; null where it did not say. */
  readonly retryAfterMs: number | null;
  /** Whether it is of no use to try again. */
  readonly isPermanent: boolean;
}

/** What sending needs. */
export interface DeliverDeps {
  readonly clock: Clock;
  readonly sealer: Sealer;
  /** One that checks addresses. */
  readonly fetch: typeof globalThis.fetch;
}

/**
 * Sends a delivery once. A status of 200 to 299 is the acknowledgement, whatever follows it. Whatever the receiver does is
 * told by the outcome, within 10 seconds, and no connection stays open.
 */
export async function attemptDelivery(
  { clock, sealer, fetch }: DeliverDeps,
  { delivery, body, endpoint: { subscription, sealed } }: ReadyDelivery,
): Promise<AttemptOutcome> {
  const startedAt = performance.now();
  const countMs = () => Math.round(performance.now() - startedAt);
  try {
    const parts = unsealParts(sealer, subscription.id, sealed);
    if (parts === undefined) {
      return { ...UNANSWERED, error: 'its secret cannot be read: SECRET_KEY is another one', isPermanent: true };
    }
    const now = clock.now();
    const sent = { id: delivery.eventId, body, oldSecretUntil: sealed.oldSecretUntil };
    const headers = new Headers(parts.headers);
    for (const [name, value] of Object.entries(composeHeaders(parts, sent, now))) headers.set(name, value);
    const response = await fetch(subscription.url, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
    });
    const durationMs = countMs();
    return {
      statusCode: response.status,
      error: response.ok ? null : `answered ${response.status}`,
      response: await readResponseStart(response.body),
      durationMs,
      retryAfterMs: response.ok ? null : readRetryAfter(response.headers.get('retry-after'), now),
      isPermanent: false,
    };
  } catch (failure) {
    return { ...UNANSWERED, ...describeFailedRequest(failure), durationMs: countMs() };
  }
}

const UNANSWERED: Omit<AttemptOutcome, 'error'> = {
  statusCode: null,
  response: '',
  durationMs: 0,
  retryAfterMs: null,
  isPermanent: false,
};

/** What came of a delivery that is tried no more, as processes were ended while they tried it. */
export const PROCESS_ENDED: AttemptOutcome = {
  ...UNANSWERED,
  error: 'the gateway was ended three times while it tried this',
  isPermanent: true,
};
