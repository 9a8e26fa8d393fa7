import type { Clock, Timestamp } from '../domain/time.ts';
import { toTimestamp } from '../domain/time.ts';

/** A delivery and its stored due time. */
export interface DueDelivery {
  readonly id: string;
  readonly nextAttemptAt: Timestamp;
}

/** The due times of deliveries that this process has attempted, by the monotonic clock. */
export interface DueTimes {
  /** Records that a delivery becomes due after a delay. */
  record(delivery: DueDelivery, delayMs: number): void;
  /**
   * Removes and returns the overdue deliveries: they are due, but their stored time is in the future, because the wall
   * clock was set back.
   */
  removeOverdue(): readonly DueDelivery[];
}

/** The maximum number of recorded deliveries; for others only the wall clock counts. */
const MAX_RECORDED = 100_000;
/** A wall clock that falls behind the monotonic clock by more than this was set back. */
const MAX_DRIFT_MS = 1_000;

/** Creates the due times of one process. */
export function createDueTimes(clock: Clock): DueTimes {
  const recordedDeliveries = new Map<string, DueDelivery & { readonly dueMs: number }>();
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
      recordedDeliveries.delete(delivery.id);
      recordedDeliveries.set(delivery.id, { ...delivery, dueMs: clock.monotonicMs() + delayMs });
      const [oldestId] = recordedDeliveries.keys();
      if (recordedDeliveries.size > MAX_RECORDED && oldestId !== undefined) recordedDeliveries.delete(oldestId);
    },

    removeOverdue() {
      const now = clock.monotonicMs();
      // Without a setback of the wall clock, no delivery is overdue; once a minute, the due ones are removed anyway.
      if (!detectSetback() && now - sweptAt < 60_000) return [];
      sweptAt = now;
      const dueDeliveries = [...recordedDeliveries.values()].filter(({ dueMs }) => dueMs <= now);
      for (const { id } of dueDeliveries) recordedDeliveries.delete(id);
      const wallNow = toTimestamp(clock.now());
      return dueDeliveries.filter(({ nextAttemptAt }) => nextAttemptAt > wallNow);
    },
  };
}
