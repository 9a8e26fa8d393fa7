const FIRST_MS = 300;
const LONGEST_MS = 8_000;

/** Waits between attempts: each longer than the last, with random jitter, so that pages do not all retry at once. */
export interface Backoff {
  /** Waits; ends early when the browser is online again, or `wake` is called. */
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
      const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempts++);
      const delayMs = atLeastMs + longest * (0.5 + Math.random() / 2);
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
