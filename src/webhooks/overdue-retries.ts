import type { Clock, Timestamp } from '../domain/time.ts';
import { toTimestamp } from '../domain/time.ts';

/** A delivery and its stored due time. */
export interface DueDelivery {
  readonly id: string;
  readonly nextAttemptAt: Timestamp;
}

/** The due times of deliveries that this process has tried, by the monotonic clock. */
export interface RetryTimes {
  /** Remembers that a delivery is due after a delay. */
  record(delivery: DueDelivery, delayMs: number): void;
  /** Returns, once each, the deliveries that are due although the wall clock, which was set back, says later. */
  takeOverdue(): readonly DueDelivery[];
}

/** For deliveries above this number only the wall clock counts. */
const MAX_REMEMBERED = 100_000;
const MAX_DRIFT_MS = 1_000;

/** Creates the retry times of one process. */
export function createRetryTimes(clock: Clock): RetryTimes {
  const due = new Map<string, DueDelivery & { readonly dueMs: number }>();
  /** The greatest lead of the wall clock over the monotonic clock so far. */
  let greatestLead = Number.NEGATIVE_INFINITY;
  let sweptAt = clock.monotonicMs();

  function isSetBack(): boolean {
    const ahead = clock.now() - clock.monotonicMs();
    greatestLead = Math.max(greatestLead, ahead);
    return ahead < greatestLead - MAX_DRIFT_MS;
  }

  return {
    record(delivery, delayMs) {
      due.delete(delivery.id);
      due.set(delivery.id, { ...delivery, dueMs: clock.monotonicMs() + delayMs });
      const [oldest] = due.keys();
      if (due.size > MAX_REMEMBERED && oldest !== undefined) due.delete(oldest);
    },

    takeOverdue() {
      const now = clock.monotonicMs();
      // Usually both clocks agree, and there is nothing to search.
      if (!isSetBack() && now - sweptAt < 60_000) return [];
      sweptAt = now;
      const past = [...due.values()].filter(({ dueMs }) => dueMs <= now);
      for (const { id } of past) due.delete(id);
      const wallNow = toTimestamp(clock.now());
      return past.filter(({ nextAttemptAt }) => nextAttemptAt > wallNow);
    },
  };
}
