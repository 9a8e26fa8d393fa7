import type { Clock, Timestamp } from '../domain/time.ts';
import { toTimestamp } from '../domain/time.ts';

/** A delivery that is stored as due at a moment. */
export interface DueDelivery {
  readonly id: string;
  readonly nextAttemptAt: Timestamp;
}

/** When deliveries are due that this process has tried, by a clock that is never set. */
export interface RetryTimes {
  /** Remembers that a delivery is due in so long. */
  record(delivery: DueDelivery, delayMs: number): void;
  /** Those that are due and that the wall clock, which was set back, calls due later; each is given once. */
  takeOverdue(): readonly DueDelivery[];
}

/** More are due by the wall clock alone. */
const MAX_REMEMBERED = 100_000;
const MAX_DRIFT_MS = 1_000;

/** Makes the memory of one process. */
export function createRetryTimes(clock: Clock): RetryTimes {
  const due = new Map<string, DueDelivery & { readonly dueMs: number }>();
  /** How far the wall clock was ahead of the other when it was furthest. */
  let furthest = Number.NEGATIVE_INFINITY;
  let sweptAt = clock.monotonicMs();

  function isSetBack(): boolean {
    const ahead = clock.now() - clock.monotonicMs();
    furthest = Math.max(furthest, ahead);
    return ahead < furthest - MAX_DRIFT_MS;
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
      // As a rule both clocks agree, and there is nothing to look for.
      if (!isSetBack() && now - sweptAt < 60_000) return [];
      sweptAt = now;
      const past = [...due.values()].filter(({ dueMs }) => dueMs <= now);
      for (const { id } of past) due.delete(id);
      const wallNow = toTimestamp(clock.now());
      return past.filter(({ nextAttemptAt }) => nextAttemptAt > wallNow);
    },
  };
}
