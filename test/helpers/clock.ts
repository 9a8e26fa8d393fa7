import type { Clock } from '../../src/domain/time.ts';

/** A clock that stands until it is turned. */
export interface TurnedClock extends Clock {
  /** Moves it on, or back. */
  turn(ms: number): void;
}

/** Makes a clock that stands at a moment of 2026. */
export function createTurnedClock(): TurnedClock {
  let now = Date.UTC(2026, 2, 15, 10, 30);
  return {
    now: () => now,
    turn(ms) {
      now += ms;
    },
  };
}
