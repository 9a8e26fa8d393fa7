const FIRST_WAIT_MS = 300;
const MAX_WAIT_MS = 8_000;

/** The waits between attempts. They grow exponentially, and have jitter, so that pages do not all retry at once. */
export interface Backoff {
  /** Waits. The wait ends early when the browser is online again, or when `wake` is called. */
  wait(atLeastMs?: number): Promise<void>;
  /** Ends the current wait. */
  wake(): void;
  /** Resets to short waits, after a success. */
  reset(): void;
}

/** Creates the backoff of one repeated task. */
export function createBackoff(): Backoff {
  let attempts = 0;
  let wake = () => {};
  return {
    async wait(atLeastMs = 0) {
      const maxDelayMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts++);
      const delayMs = atLeastMs + maxDelayMs * (0.5 + Math.random() / 2);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delayMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        addEventListener('online', wake, { once: true });
      });
      removeEventListener('online', wake);
    },
    wake: () => wake(),
    reset() {
      attempts = 0;
    },
  };
}
