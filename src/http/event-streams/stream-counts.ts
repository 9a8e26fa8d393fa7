import type { Config } from '../../config.ts';
import { RateLimitedError } from '../../domain/errors.ts';

/** Counts the open HTTP streams of each key: responses as server-sent events or as `multipart/mixed`. */
export interface StreamCounts {
  /**
   * Counts one more stream until `signal` aborts.
   * @throws RateLimitedError when the key has the maximum.
   */
  claim(apiKeyId: string, signal: AbortSignal): void;
}

const RETRY_MS = 10_000;

/** Creates the counts of one process. */
export function createStreamCounts({ maxStreamsPerKey }: Pick<Config, 'maxStreamsPerKey'>): StreamCounts {
  const counts = new Map<string, number>();

  function release(apiKeyId: string): void {
    const remaining = (counts.get(apiKeyId) ?? 1) - 1;
    if (remaining > 0) counts.set(apiKeyId, remaining);
    else counts.delete(apiKeyId);
  }

  return {
    claim(apiKeyId, signal) {
      // With a signal that has already aborted, the stream would never be released.
      if (signal.aborted) return;
      const count = counts.get(apiKeyId) ?? 0;
      if (count >= maxStreamsPerKey) {
        throw new RateLimitedError(`Too many streams are open: at most ${maxStreamsPerKey} per API key.`, RETRY_MS);
      }
      counts.set(apiKeyId, count + 1);
      signal.addEventListener('abort', () => release(apiKeyId), { once: true });
    },
  };
}
