import type { Config } from '../config.ts';
import { RateLimitedError } from '../domain/errors.ts';

/** Counts the streams that each key has open over HTTP: server-sent events, and parts of `multipart/mixed`. */
export interface StreamCounts {
  /**
   * Counts one more stream until `signal` aborts.
   * @throws RateLimitedError when the key has as many as it may.
   */
  claim(apiKeyId: string, signal: AbortSignal): void;
}

const RETRY_MS = 10_000;

/** Whether an answer of a content type goes on until somebody ends it. */
export function isStreamType(contentType: unknown): boolean {
  return /^(text\/event-stream|multipart\/mixed)\b/.test(String(contentType));
}

/** Makes the counts of one process. */
export function createStreamCounts({ maxStreamsPerKey }: Pick<Config, 'maxStreamsPerKey'>): StreamCounts {
  const counts = new Map<string, number>();

  function release(apiKeyId: string): void {
    const rest = (counts.get(apiKeyId) ?? 1) - 1;
    if (rest > 0) counts.set(apiKeyId, rest);
    else counts.delete(apiKeyId);
  }

  return {
    claim(apiKeyId, signal) {
      // Nobody would release it.
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
