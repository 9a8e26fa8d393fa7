import { toTimestamp } from '../domain/time.ts';
import type { WebhookSchedule } from '../domain/webhooks.ts';
import type { TimeBounds } from '../store/webhooks/queue.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The delays between the ten attempts of the long schedule, three days in total. */
const LONG_DELAYS_MS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR)];

/** The range of the factor that varies a delay, so that deliveries that failed together are not retried together. */
const JITTER: Readonly<Record<WebhookSchedule, { readonly from: number; readonly to: number }>> = {
  SHORT: { from: 1, to: 1.1 },
  LONG: { from: 0.8, to: 1.2 },
};

/** The input of a retry delay. */
export interface RetryInput {
  readonly schedule: WebhookSchedule;
  /** The delays of the short schedule: `WEBHOOK_RETRY_SCHEDULE`. */
  readonly shortDelaysMs: readonly number[];
  /** The number of the failed attempt, from 1. */
  readonly attemptNumber: number;
  /** The receiver's `Retry-After`; null when it sent none. */
  readonly retryAfterMs: number | null;
  /** A random number from 0 to 1, for the jitter. */
  readonly random: number;
}

/**
 * Returns the delay before the next attempt; undefined when there is no further attempt. A receiver can extend the
 * delay of the schedule up to twice its length, and cannot shorten it.
 */
export function computeRetryDelay(input: RetryInput): number | undefined {
  const { schedule, shortDelaysMs, attemptNumber, retryAfterMs, random } = input;
  const delayMs = (schedule === 'LONG' ? LONG_DELAYS_MS : shortDelaysMs)[attemptNumber - 1];
  if (delayMs === undefined) return undefined;
  const { from, to } = JITTER[schedule];
  return Math.max(Math.round(delayMs * (from + (to - from) * random)), Math.min(retryAfterMs ?? 0, 2 * delayMs));
}

/** The maximum time until a lease expires, including the differences between the clocks of processes. */
const MAX_LEASE_MS = 10 * MINUTE;

/** Returns the latest valid due and lease times. A later time was written before a clock was set back. */
export function computeTimeBounds(
  { webhookRetryDelaysMs }: { webhookRetryDelaysMs: readonly number[] },
  now: number,
): TimeBounds {
  // A receiver can double a delay with `Retry-After`.
  const latestDueTime = (delays: readonly number[]) => toTimestamp(now + 2 * Math.max(0, ...delays) + MINUTE);
  return {
    now: toTimestamp(now),
    latestNextAttempt: { SHORT: latestDueTime(webhookRetryDelaysMs), LONG: latestDueTime(LONG_DELAYS_MS) },
    latestLease: toTimestamp(now + MAX_LEASE_MS),
  };
}
