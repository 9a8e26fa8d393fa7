import { setTimeout } from 'node:timers/promises';
import { StorageUnavailableError } from './errors.ts';
import type { MaybePromise } from './feed.ts';

/** How long a read is retried while the storage is unavailable. */
const MAX_RETRY_MS = 120_000;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 2_000;

/**
 * Awaits a read. While the storage is unavailable, it retries the read for two minutes, with growing pauses. Resolves
 * with `undefined` when `signal` aborts during a pause.
 * @param first the result of the first attempt.
 * @throws StorageUnavailableError after two minutes; any other error of `read` immediately.
 */
export async function retryWhileUnavailable<T>(
  first: Promise<T>,
  read: () => MaybePromise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  let attempt: MaybePromise<T> = first;
  let giveUpAt: number | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    try {
      return await attempt;
    } catch (error) {
      giveUpAt ??= performance.now() + MAX_RETRY_MS;
      if (!(error instanceof StorageUnavailableError) || performance.now() > giveUpAt) throw error;
    }
    // The storage fails for many subscriptions at the same moment; the jitter spreads their retries.
    const isAborted = await setTimeout(pauseMs * (0.5 + Math.random() / 2), false, { signal }).catch(() => true);
    if (isAborted || signal.aborted) return undefined;
    attempt = read();
  }
}
