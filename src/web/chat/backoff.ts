const FIRST_MS = 300;
const LONGEST_MS = 8_000;

/** Waits between attempts, longer each time, by a random part of it so that many pages do not return at once. */
export interface Backoff {
  /** Waits; not longer than until the browser says that it is online again, or `wake` is called. */
  wait(atLeastMs?: number): Promise<void>;
  /** Ends a wait that is under way. */
  wake(): void;
  /** After a success: begin with short waits again. */
  reset(): void;
}

/** Makes the waits of one thing that is tried again and again. */
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
