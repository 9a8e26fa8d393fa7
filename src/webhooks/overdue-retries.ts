import type { Clock, Timestamp } from '../domain/time.ts';
import { toTimestamp } from '../domain/time.ts';

/** A delivery and its stored due time. */
export interface DueDelivery {
  readonly id: string;
  readonly nextAttemptAt: Timestamp;
}

/** The due times of deliveries that this process has tried, by the monotonic clock. */
export interface DueTimes {
  /** Remembers that a delivery becomes due after a delay. */
  record(delivery: DueDelivery, delayMs: number): void;
  /** Returns, once each, the due deliveries that only seem due later because the wall clock was set back. */
  takeOverdue(): readonly DueDelivery[];
}

/** The maximum number of remembered deliveries; for others only the wall clock counts. */
const MAX_REMEMBERED = 100_000;
const MAX_DRIFT_MS = 1_000;

/** Creates the retry times of one process. */
export function createDueTimes(clock: Clock): DueTimes {
  const due = new Map<string, DueDelivery & { readonly dueMs: number }>();
  /** The largest lead of the wall clock over the monotonic clock so far, in milliseconds. */
  let largestLead = Number.NEGATIVE_INFINITY;
  let sweptAt = clock.monotonicMs();

  function detectSetback(): boolean {
    const lead = clock.now() - clock.monotonicMs();
    largestLead = Math.max(largestLead, lead);
    return lead < largestLead - MAX_DRIFT_MS;
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
      // Usually the wall clock was not set back, and nothing has to be searched.
      if (!detectSetback() && now - sweptAt < 60_000) return [];
      sweptAt = now;
      const elapsed = [...due.values()].filter(({ dueMs }) => dueMs <= now);
      for (const { id } of elapsed) due.delete(id);
      const wallNow = toTimestamp(clock.now());
      return elapsed.filter(({ nextAttemptAt }) => nextAttemptAt > wallNow);
    },
  };
}
