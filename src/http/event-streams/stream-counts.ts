import type { Config } from '../../config.ts';
import { RateLimitedError } from '../../domain/errors.ts';

/** Counts the open HTTP streams of each key: responses as server-sent events or as `multipart/mixed`. */
export interface StreamCounts {
  /**
   * Counts one more stream until `signal` aborts.
   * @throws RateLimitedError when the key has the maximum.
   */
  claim(credentialId: string, signal: AbortSignal): void;
}

const RETRY_MS = 10_000;

/** Creates the counts of one process. */
export function createStreamCounts({ maxStreamsPerKey }: Pick<Config, 'maxStreamsPerKey'>): StreamCounts {
  const counts = new Map<string, number>();

  function release(credentialId: string): void {
    const remaining = (counts.get(credentialId) ?? 1) - 1;
    if (remaining > 0) counts.set(credentialId, remaining);
    else counts.delete(credentialId);
  }

  return {
    claim(credentialId, signal) {
      // With a signal that has already aborted, the stream would never be released.
      if (signal.aborted) return;
      const count = counts.get(credentialId) ?? 0;
      if (count >= maxStreamsPerKey) {
        throw new RateLimitedError(`Too many streams are open: at most ${maxStreamsPerKey} per API key.`, RETRY_MS);
      }
      counts.set(credentialId, count + 1);
      signal.addEventListener('abort', () => release(credentialId), { once: true });
    },
  };
}
