/**
 * A circuit breaker: it blocks attempts at an operation that keeps failing, so that no caller waits for the operation.
 */
export interface Breaker {
  /**
   * Returns whether an attempt is allowed now, and counts it as the probe if one is due. The caller reports the outcome
   * of an allowed attempt.
   */
  tryNow(): boolean;
  succeed(): void;
  fail(): void;
}

/**
 * Creates a breaker. After `failures` failures in a row it allows one probe at a time, with a pause of `pauseMs` before
 * each; a successful probe closes it.
 */
export function createBreaker({ failures, pauseMs }: { failures: number; pauseMs: number }): Breaker {
  let consecutiveFailures = 0;
  let probeAt = 0;
  return {
    tryNow() {
      if (consecutiveFailures < failures) return true;
      const now = performance.now();
      if (now < probeAt) return false;
      probeAt = now + pauseMs;
      return true;
    },
    succeed() {
      consecutiveFailures = 0;
    },
    fail() {
      consecutiveFailures++;
      probeAt = performance.now() + pauseMs;
    },
  };
}
