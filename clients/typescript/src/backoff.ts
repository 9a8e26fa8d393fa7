const FIRST_WAIT_MS = 300;
const MAX_WAIT_MS = 8_000;

/** The waits between attempts. They grow exponentially, and have jitter, so that clients do not all retry at once. */
export interface Backoff {
  /** Waits, at least `atLeastMs`. The wait ends early when the browser is online again, and when the signal is aborted. */
  wait(atLeastMs?: number, signal?: AbortSignal): Promise<void>;
  /** Resets to short waits, after a success. */
  reset(): void;
}

/** Creates the backoff of one repeated task. */
export function createBackoff(): Backoff {
  let attempts = 0;
  return {
    async wait(atLeastMs = 0, signal) {
      const maxDelayMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts++);
      const delayMs = atLeastMs + maxDelayMs * (0.5 + Math.random() / 2);
      // Node has no event `online`.
      const { addEventListener, removeEventListener } = globalThis as Partial<typeof globalThis>;
      if (signal?.aborted) return;
      let wake = () => {};
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delayMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        addEventListener?.('online', wake);
        signal?.addEventListener('abort', wake);
      });
      removeEventListener?.('online', wake);
      signal?.removeEventListener('abort', wake);
    },
    reset() {
      attempts = 0;
    },
  };
}

/**
 * Repeats a task until it succeeds or fails for good.
 * @param attempts the maximum number of attempts.
 * @throws the error of the task that is not temporary, that of the last attempt, and the reason of an aborted signal.
 */
export async function retry<Result>(
  task: () => Promise<Result>,
  { attempts = Number.POSITIVE_INFINITY, signal }: RetryOptions = {},
): Promise<Result> {
  const backoff = createBackoff();
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await task();
    } catch (error) {
      signal?.throwIfAborted();
      const { isTemporary, retryAfterMs } = error as { isTemporary?: boolean; retryAfterMs?: number };
      if (!isTemporary || attempt >= attempts) throw error;
      await backoff.wait(retryAfterMs, signal);
    }
  }
}

/** The limits of `retry`. */
export interface RetryOptions {
  readonly attempts?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
