import type { Clock } from '../../src/domain/time.ts';

/** A clock that stands until it is turned. */
export interface TurnedClock extends Clock {
  /** Lets time pass; a negative time only sets the wall clock back. */
  turn(ms: number): void;
  /** Sets the wall clock on, or back, while no time passes. */
  jump(ms: number): void;
}

/** Makes a clock that stands at a moment of 2026. */
export function createTurnedClock(): TurnedClock {
  let now = Date.UTC(2026, 2, 15, 10, 30);
  let passed = 0;
  return {
    now: () => now,
    monotonicMs: () => passed,
    turn(ms) {
      now += ms;
      passed += Math.max(ms, 0);
    },
    jump(ms) {
      now += ms;
    },
  };
}
