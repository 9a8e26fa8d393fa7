import { setTimeout } from 'node:timers/promises';
import { StorageUnavailableError } from '../../domain/errors.ts';

const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;

/** How long a step of the generation of a reply is retried while the storage is unavailable. */
export const ANSWER_STEP_RETRY_MS = 30_000;

/** How long a step is retried, and how its first failure is reported. */
export interface RetryOptions {
  /** Ends the retries. If it aborts during a pause, a last attempt starts immediately. */
  readonly signal: AbortSignal;
  /** How long to retry after a StorageUnavailableError, counted from the first attempt. */
  readonly unavailableRetryMs: number;
  /** How long to retry after any other error, counted from the first attempt. */
  readonly otherErrorRetryMs: number;
  /** Called once, if the first attempt fails and is retried. */
  readonly onFirstFailure?: (error: unknown) => void;
}

/**
 * Retries an idempotent step until it succeeds, with exponential backoff.
 * @throws the last error, when the time limit is reached or `signal` aborts.
 */
export async function retryStep<T>(step: () => Promise<T>, options: RetryOptions): Promise<T> {
  const startedAt = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      const maxMs = error instanceof StorageUnavailableError ? options.unavailableRetryMs : options.otherErrorRetryMs;
      if (options.signal.aborted || performance.now() - startedAt >= maxMs) throw error;
      if (attempt === 1) options.onFirstFailure?.(error);
    }
    const pauseMs = Math.min(MIN_PAUSE_MS * 2 ** (attempt - 1), MAX_PAUSE_MS);
    await setTimeout(pauseMs, undefined, { signal: options.signal }).catch(() => {});
  }
}
