/** Keeps off something that has failed, so that nobody waits for it in vain. */
export interface Breaker {
  /** Whether it may be tried now. Whoever was told so says what became of it. */
  tryNow(): boolean;
  succeed(): void;
  fail(): void;
}

/**
 * Makes a breaker. After so many failures in a row nothing is tried but one probe at a time, with a pause before each;
 * one that succeeds ends that.
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
