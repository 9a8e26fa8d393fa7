import { setTimeout } from 'node:timers/promises';
import { StorageUnavailableError } from '../../domain/errors.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** For how long a step between the question and the end of its answer is tried again while the storage is unavailable. */
export const ANSWER_STEP_MS = 30_000;

/** When a step is tried again, and how that is told. */
export interface RetryOptions {
  /** No attempt begins once it is aborted. */
  readonly signal: AbortSignal;
  /** For how long attempts are begun after the first one, where the storage is unavailable. */
  readonly unavailableMs: number;
  /** The same after any other error. */
  readonly brokenMs: number;
  /** Called at the first failure that is followed by another attempt. */
  readonly onFirstFailure?: (error: unknown) => void;
}

/**
 * Runs a step that has the same effect once and twice until it succeeds, with growing pauses.
 * @throws the last error, when the time is over or `signal` is aborted.
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
