import type { RateLimitStatus } from '../domain/limits.ts';
import type { Clock } from '../domain/time.ts';

/** The limiter's decision about one request. */
export interface RateLimitResult extends RateLimitStatus {
  readonly isAllowed: boolean;
  /** Milliseconds until the same request would be allowed; 0 when it is allowed. */
  readonly retryAfterMs: number;
}

/** Allows at most `limit` requests of one key in any rolling window, exactly. */
export interface RateLimiter {
  /**
   * Consumes `cost` requests together, all or none. A refused request does not count.
   * @param limit 1 to `MAX_LIMIT`; it may differ from call to call.
   * @param cost at most `limit`.
   */
  consume(key: string, limit: number, cost?: number): RateLimitResult | Promise<RateLimitResult>;
  /** The status of `key`, without consuming a request. */
  peek(key: string, limit: number): RateLimitResult | Promise<RateLimitResult>;
  /** Gives back one request that this process has consumed, which turned out to count against another limit. */
  giveBack(key: string): void;
}

/** The largest limit. */
export const MAX_LIMIT = 1_000_000;

/** The window of every limit. */
export const RATE_WINDOW_MS = 60_000;

/**
 * Creates a limiter for one process. It stores the time of every request in the window, because only that is exact:
 * counters per fixed window, weighted windows and token buckets all allow nearly twice the limit in some window.
 * @param windowMs tests use a shorter window.
 */
export function createMemoryRateLimiter(clock: Clock, windowMs = RATE_WINDOW_MS): RateLimiter {
  const logs = new Map<string, TimestampLog>();
  let sweptAt = clock.monotonicMs();

  function consume(key: string, limit: number, cost = 1): RateLimitResult {
    const now = clock.monotonicMs();
    if (now - sweptAt >= windowMs) {
      for (const [name, log] of logs) if (log.countSince(now - windowMs) === 0) logs.delete(name);
      sweptAt = now;
    }
    let log = logs.get(key);
    if (log === undefined) {
      if (cost === 0) return { isAllowed: true, limit, remaining: limit, resetMs: 0, retryAfterMs: 0 };
      log = new TimestampLog();
      logs.set(key, log);
    }
    const used = log.countSince(now - windowMs);
    const isAllowed = used + cost <= limit;
    if (isAllowed) log.add(now, cost);
    return {
      isAllowed,
      limit,
      remaining: Math.max(0, limit - (isAllowed ? used + cost : used)),
      resetMs: Math.ceil(log.remainingMs(1, now - windowMs)),
      retryAfterMs: isAllowed ? 0 : Math.ceil(log.remainingMs(used + cost - limit, now - windowMs)),
    };
  }

  return {
    consume,
    peek: (key, limit) => consume(key, limit, 0),
    giveBack: (key) => logs.get(key)?.removeNewest(),
  };
}

/** The times of allowed requests, oldest first, in a ring buffer that doubles when full. */
class TimestampLog {
  #timestamps = new Float64Array(8);
  #head = 0;
  #count = 0;

  /** Drops the entries up to `since`, and returns the number of later ones. */
  countSince(since: number): number {
    while (this.#count > 0 && this.#at(0) <= since) {
      this.#head = (this.#head + 1) % this.#timestamps.length;
      this.#count--;
    }
    return this.#count;
  }

  add(now: number, count: number): void {
    for (let i = 0; i < count; i++) {
      if (this.#count === this.#timestamps.length) this.#grow();
      this.#timestamps[(this.#head + this.#count) % this.#timestamps.length] = now;
      this.#count++;
    }
  }

  removeNewest(): void {
    if (this.#count > 0) this.#count--;
  }

  /** Milliseconds until the `n` oldest entries have left the window that started at `since`; 0 without entries. */
  remainingMs(n: number, since: number): number {
    return this.#count === 0 ? 0 : this.#at(Math.min(n, this.#count) - 1) - since;
  }

  #at(index: number): number {
    return this.#timestamps[(this.#head + index) % this.#timestamps.length] ?? 0;
  }

  #grow(): void {
    const larger = new Float64Array(this.#timestamps.length * 2);
    for (let i = 0; i < this.#count; i++) larger[i] = this.#at(i);
    this.#timestamps = larger;
    this.#head = 0;
  }
}
