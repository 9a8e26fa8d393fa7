import { setTimeout } from 'node:timers/promises';
import { StorageUnavailableError } from './errors.ts';
import type { MaybePromise } from './feed.ts';

/** How long a storage may be away, and be asked again in the meantime. */
const PATIENCE_MS = 120_000;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 2_000;

/**
 * Waits for what is read, and reads again while the storage is unavailable, with growing pauses for two minutes. Resolves
 * with `undefined` when `signal` aborts during a pause.
 * @param first what the first attempt gave.
 * @throws StorageUnavailableError after that time; whatever else `read` throws, at once.
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
      giveUpAt ??= performance.now() + PATIENCE_MS;
      if (!(error instanceof StorageUnavailableError) || performance.now() > giveUpAt) throw error;
    }
    // Many readers lost it at once, and are not to come back at once.
    const isOver = await setTimeout(pauseMs * (0.5 + Math.random() / 2), false, { signal }).catch(() => true);
    if (isOver || signal.aborted) return undefined;
    attempt = read();
  }
}
