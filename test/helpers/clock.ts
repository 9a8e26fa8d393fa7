import type { Clock } from '../../src/domain/time.ts';

/** A clock that stands still until the test moves it. */
export interface ManualClock extends Clock {
  /** Moves the wall clock and the monotonic clock forward; a negative value sets only the wall clock back. */
  advance(ms: number): void;
  /** Sets the wall clock forward or back, while the monotonic clock stands still. */
  jump(ms: number): void;
}

/** Creates a clock that stands at a fixed time in 2026. */
export function createManualClock(): ManualClock {
  let now = Date.UTC(2026, 2, 15, 10, 30);
  let elapsedMs = 0;
  return {
    now: () => now,
    monotonicMs: () => elapsedMs,
    advance(ms) {
      now += ms;
      elapsedMs += Math.max(ms, 0);
    },
    jump(ms) {
      now += ms;
    },
  };
}
