import { hash, randomUUID } from 'node:crypto';
import { createBreaker } from '../domain/breaker.ts';
import type { Clock } from '../domain/time.ts';
import { createMemoryRateLimiter, RATE_WINDOW_MS, type RateLimiter, type RateLimitResult } from './rate-limiter.ts';
import type { RedisLink } from './redis.ts';

/** What the limiter needs beside its Redis. */
export interface RedisRateLimiterOptions {
  readonly clock: Clock;
  /** How many processes share a limit, as far as is known: what a process lets through by itself is its share. */
  readonly countNodes: () => number;
  /** The product has one window, tests a shorter one. */
  readonly windowMs?: number;
  /** How long Redis is waited for; absent: 50. */
  readonly timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 50;
const FAILURES = 3;
const PAUSE_MS = 1_000;

/**
 * KEYS: the log of what was let through, by time in microseconds. ARGV: the window in microseconds, limit, cost, and a
 * text that no other call has. Times are the server's own, which alone is one clock for all; a clock that was set back
 * puts nothing before what is there. Answers: whether it is let through, how many count then, and the microseconds until
 * one fewer does, and until the same would be let through.
 */
const TAKE = `
local log, window, limit, cost = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local text = function(n) return string.format('%.0f', n) end
redis.call('ZREMRANGEBYSCORE', log, '-inf', text(now - window))
local used = redis.call('ZCARD', log)
local passes = used + cost <= limit
if passes and cost > 0 then
  local last = redis.call('ZRANGE', log, -1, -1, 'WITHSCORES')[2]
  local at = math.max(now, tonumber(last or 0))
  for first = 1, cost, 1000 do
    local entries = {}
    for n = first, math.min(first + 999, cost) do
      entries[#entries + 1] = text(at)
      entries[#entries + 1] = ARGV[4] .. ':' .. n
    end
    redis.call('ZADD', log, unpack(entries))
  end
  redis.call('PEXPIRE', log, text(math.ceil((at + window - now) / 1000)))
  used = used + cost
end
local wait = function(n)
  local entry = redis.call('ZRANGE', log, math.min(n, used) - 1, math.min(n, used) - 1, 'WITHSCORES')[2]
  return entry and tonumber(entry) + window - now or 0
end
return { passes and 1 or 0, used, used > 0 and wait(1) or 0, not passes and used > 0 and wait(used + cost - limit) or 0 }`;
const TAKE_SHA = hash('sha1', TAKE);

/**
 * Makes a limiter that all who share a Redis have in common. When Redis does not answer in 50 ms a process lets no more
 * than its share through; what Redis let it through before counts against that, and what Redis has said to be full stays
 * so until its oldest request leaves the window. What it lets through in the meantime is not told Redis afterwards: for the
 * window in which Redis comes back, and that only, each may have had its share besides.
 */
export function createRedisRateLimiter(
  link: RedisLink,
  { clock, countNodes, windowMs = RATE_WINDOW_MS, timeoutMs = TIMEOUT_MS }: RedisRateLimiterOptions,
): RateLimiter {
  const own = createMemoryRateLimiter(clock, windowMs);
  const breaker = createBreaker({ failures: FAILURES, pauseMs: PAUSE_MS });
  /** When a key that was full will have room again; such as are past are forgotten a window later. */
  const fullUntil = new Map<string, number>();
  let sweptAt = performance.now();

  function noteFull(key: string, resetMs: number): void {
    const now = performance.now();
    if (now - sweptAt >= windowMs) {
      for (const [name, until] of fullUntil) if (until <= now) fullUntil.delete(name);
      sweptAt = now;
    }
    fullUntil.set(key, now + resetMs);
  }

  async function take(key: string, limit: number, cost = 1): Promise<RateLimitResult> {
    const result = await ask(key, limit, cost);
    if (result === undefined) return takeShare(key, limit, cost);
    if (result.isAllowed && cost > 0) void own.take(key, limit, cost);
    return result;
  }

  async function ask(key: string, limit: number, cost: number): Promise<RateLimitResult | undefined> {
    if (!link.isUp || !breaker.tryNow()) return undefined;
    try {
      const args = [windowMs * 1_000, limit, cost, randomUUID()] as const;
      const [passes, used, reset, retry] = await within(timeoutMs, evaluate(link.nameOf(`rate:${key}`), args));
      breaker.succeed();
      if (used >= limit) noteFull(key, reset / 1_000);
      return {
        isAllowed: passes === 1,
        limit,
        remaining: Math.max(0, limit - used),
        resetMs: Math.ceil(reset / 1_000),
        retryAfterMs: Math.ceil(retry / 1_000),
      };
    } catch {
      breaker.fail();
      return undefined;
    }
  }

  /** Runs the script; a server that was started anew has to be given it again. */
  async function evaluate(key: string, args: readonly (string | number)[]): Promise<[number, number, number, number]> {
    const { commands } = link;
    const isUnknown = (error: unknown) => error instanceof Error && error.message.startsWith('NOSCRIPT');
    const reply = await commands.evalsha(TAKE_SHA, 1, key, ...args).catch((error: unknown) => {
      if (isUnknown(error)) return commands.eval(TAKE, 1, key, ...args);
      throw error;
    });
    return reply as [number, number, number, number];
  }

  function takeShare(key: string, limit: number, cost: number): RateLimitResult {
    const share = Math.max(1, Math.floor(limit / countNodes()));
    const fullMs = Math.ceil((fullUntil.get(key) ?? 0) - performance.now());
    if (fullMs > 0 && cost > 0) {
      return { isAllowed: false, limit: share, remaining: 0, resetMs: fullMs, retryAfterMs: fullMs };
    }
    const result = own.take(key, share, cost) as RateLimitResult;
    // What is larger than the share has to wait for Redis.
    return result.isAllowed ? result : { ...result, retryAfterMs: Math.max(result.retryAfterMs, PAUSE_MS) };
  }

  return { take, peek: (key, limit) => take(key, limit, 0) };
}

async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const fail = () => reject(new Error('Redis does not answer in time.'));
  // When it was this process that was late, the answer is there, and read before that.
  const timer = setTimeout(() => setImmediate(fail), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
