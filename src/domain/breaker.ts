/** A circuit breaker: it blocks attempts at something that keeps failing, so that no caller waits for it. */
export interface Breaker {
  /** Whether an attempt is allowed now. After an allowed attempt the caller reports its outcome. */
  tryNow(): boolean;
  succeed(): void;
  fail(): void;
}

/**
 * Creates a breaker. After so many failures in a row it allows one probe at a time, with a pause before each; a
 * successful probe closes it.
 */
export function createBreaker({ failures, pauseMs }: { failures: number; pauseMs: number }): Breaker {
  let inARow = 0;
  let probeAt = 0;
  return {
    tryNow() {
      if (inARow < failures) return true;
      const now = performance.now();
      if (now < probeAt) return false;
      probeAt = now + pauseMs;
      return true;
    },
    succeed() {
      inARow = 0;
    },
    fail() {
      inARow++;
      probeAt = performance.now() + pauseMs;
    },
  };
}
