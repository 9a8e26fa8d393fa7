/**
 * A circuit breaker: it blocks attempts at an operation that keeps failing, so that no caller waits for the operation.
 */
export interface Breaker {
  /**
   * Returns whether an attempt is allowed now. While the breaker blocks attempts, an allowed attempt is a probe. The
   * caller reports the outcome of an allowed attempt.
   */
  allowAttempt(): boolean;
  reportSuccess(): void;
  reportFailure(): void;
}

/**
 * Creates a breaker. After `maxFailures` failures in a row, the breaker allows one probe at a time, with a pause of
 * `pauseMs` before each probe. A successful probe ends the blocking.
 */
export function createBreaker({ maxFailures, pauseMs }: { maxFailures: number; pauseMs: number }): Breaker {
  let consecutiveFailures = 0;
  let probeAt = 0;
  return {
    allowAttempt() {
      if (consecutiveFailures < maxFailures) return true;
      const now = performance.now();
      if (now < probeAt) return false;
      probeAt = now + pauseMs;
      return true;
    },
    reportSuccess() {
      consecutiveFailures = 0;
    },
    reportFailure() {
      consecutiveFailures++;
      probeAt = performance.now() + pauseMs;
    },
  };
}
