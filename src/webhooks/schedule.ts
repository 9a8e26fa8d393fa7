import { toTimestamp } from '../domain/time.ts';
import type { WebhookSchedule } from '../domain/webhooks.ts';
import type { TimeBounds } from '../store/webhooks/queue.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The pauses between the ten attempts of the long schedule: three days. */
const LONG_DELAYS_MS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR)];

/** How far a pause is moved, so that what failed together is not tried again together. The short schedule never retries early. */
const JITTER: Readonly<Record<WebhookSchedule, { readonly from: number; readonly to: number }>> = {
  SHORT: { from: 1, to: 1.1 },
  LONG: { from: 0.8, to: 1.2 },
};

/** What decides when to try again. */
export interface Retry {
  readonly schedule: WebhookSchedule;
  /** The pauses of the short schedule: `WEBHOOK_RETRY_SCHEDULE`. */
  readonly shortDelaysMs: readonly number[];
  /** The number of the attempt that has failed, from 1. */
  readonly number: number;
  /** For how long the receiver wants to be left alone; null where it did not say. */
  readonly retryAfterMs: number | null;
  /** From 0 to 1. */
  readonly random: number;
}

/**
 * Gives the pause before the next attempt; undefined when there is none. A receiver can make it twice as long as the
 * schedule has it, and no shorter.
 */
export function findDelay({ schedule, shortDelaysMs, number, retryAfterMs, random }: Retry): number | undefined {
  const delayMs = (schedule === 'LONG' ? LONG_DELAYS_MS : shortDelaysMs)[number - 1];
  if (delayMs === undefined) return undefined;
  const { from, to } = JITTER[schedule];
  return Math.max(Math.round(delayMs * (from + (to - from) * random)), Math.min(retryAfterMs ?? 0, 2 * delayMs));
}

/** For how long a node can hold a delivery at most, by any of the nodes' clocks. */
const MAX_LEASE_MS = 10 * MINUTE;

/** How far from a moment anything can be due or leased. What is further was written by a clock that was set back since. */
export function computeTimeBounds(
  { webhookRetryDelaysMs }: { webhookRetryDelaysMs: readonly number[] },
  now: number,
): TimeBounds {
  // A receiver can make a pause twice as long.
  const furthest = (delays: readonly number[]) => toTimestamp(now + 2 * Math.max(0, ...delays) + MINUTE);
  return {
    now: toTimestamp(now),
    furthest: { SHORT: furthest(webhookRetryDelaysMs), LONG: furthest(LONG_DELAYS_MS) },
    furthestLease: toTimestamp(now + MAX_LEASE_MS),
  };
}
