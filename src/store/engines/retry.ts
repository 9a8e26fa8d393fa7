import { setTimeout } from 'node:timers/promises';
import { StorageUnavailableError } from '../../domain/errors.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** How long a step of generating a reply is retried while the storage is unavailable. */
export const ANSWER_STEP_MS = 30_000;

/** When a step is retried, and how the first failure is reported. */
export interface RetryOptions {
  /** No attempt starts after it aborts. */
  readonly signal: AbortSignal;
  /** How long after the first attempt another may start, while the storage is unavailable. */
  readonly unavailableMs: number;
  /** How long after the first attempt another may start, after any other error. */
  readonly brokenMs: number;
  /** Called at the first failure that a retry follows. */
  readonly onFirstFailure?: (error: unknown) => void;
}

/**
 * Retries an idempotent step until it succeeds, with growing pauses.
 * @throws the last error, when the time limit is reached or `signal` aborts.
 */
export async function retryStep<T>(step: () => Promise<T>, options: RetryOptions): Promise<T> {
  const startedAt = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      const maxMs = error instanceof StorageUnavailableError ? options.unavailableMs : options.brokenMs;
      if (options.signal.aborted || performance.now() - startedAt >= maxMs) throw error;
      if (attempt === 1) options.onFirstFailure?.(error);
    }
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
    await setTimeout(pauseMs, undefined, { signal: options.signal }).catch(() => {});
  }
}
