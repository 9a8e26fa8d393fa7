import { hash, randomUUID } from 'node:crypto';
import { type Breaker, createBreaker } from '../../domain/breaker.ts';
import type { Clock } from '../../domain/time.ts';
import { type AllowedLog, createAllowedLog } from '../allowed-requests.ts';
import { createMemoryRateLimiter, RATE_WINDOW_MS, type RateLimiter, type RateLimitResult } from '../rate-limiter.ts';
import type { RedisLink } from './link.ts';

/** The options of the limiter, apart from its Redis. */
export interface RedisRateLimiterOptions {
  readonly clock: Clock;
  /** Returns how many processes share a limit, as far as is known. Without Redis, a process allows only its share. */
  readonly countNodes: () => number;
  /** Absent: 60 seconds. Tests use a shorter window. */
  readonly windowMs?: number;
  /** How long to wait for Redis; absent: 50. */
  readonly timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 50;
const FAILURES = 3;
const PAUSE_MS = 1_000;
/**
 * How long all processes need, after Redis is back, to reconnect and to report the requests that they allowed without
 * it.
 */
const RETURN_MS = 5_000;
/** How far an entry may be ahead of the server's clock, in microseconds. */
const MAX_CLOCK_STEP_US = 1_000_000;

/**
 * KEYS: the log of allowed requests, by time in microseconds. ARGV: the window in microseconds, limit, cost, the name
 * of the process, and the number of its first request. Times are the server's own: the only clock that all share. If
 * that clock was set back, entries in the future are dropped, because they would block callers until the clock has
 * caught up. Returns whether the request is allowed, how many requests count afterwards, the microseconds until one
 * fewer counts, and the microseconds until the same request would be allowed.
 */
const CONSUME = `
local log, window, limit, cost = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local text = function(n) return string.format('%.0f', n) end
redis.call('ZREMRANGEBYSCORE', log, '-inf', text(now - window))
redis.call('ZREMRANGEBYSCORE', log, text(now + ${MAX_CLOCK_STEP_US}), '+inf')
local used = redis.call('ZCARD', log)
local passes = used + cost <= limit
if passes and cost > 0 then
  local last = redis.call('ZRANGE', log, -1, -1, 'WITHSCORES')[2]
  local at = math.max(now, tonumber(last or 0))
  local number = tonumber(ARGV[5])
  for first = 1, cost, 1000 do
    local entries = {}
    for n = first, math.min(first + 999, cost) do
      entries[#entries + 1] = text(at)
      entries[#entries + 1] = ARGV[4] .. ':' .. text(number + n - 1)
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
const CONSUME_SHA = hash('sha1', CONSUME);

/**
 * KEYS: the same log. ARGV: the window, the name of the process, then for each group of its allowed requests how many
 * microseconds ago they were, the number of the first, and their count. Existing entries do not change.
 */
const REPORT = `
local log, window, name = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local text = function(n) return string.format('%.0f', n) end
for i = 3, #ARGV, 3 do
  local at = text(now - tonumber(ARGV[i]))
  for n = 0, tonumber(ARGV[i + 2]) - 1 do
    redis.call('ZADD', log, 'NX', at, name .. ':' .. text(tonumber(ARGV[i + 1]) + n))
  end
end
redis.call('PEXPIRE', log, text(math.ceil(window / 1000)))`;

/** The maximum number of entries in one report: a script blocks all other commands. */
const MAX_REPORTED_ENTRIES = 500;

/** The state of one process's limiter. */
interface SharedLimiter {
  readonly link: RedisLink;
  readonly clock: Clock;
  readonly countNodes: () => number;
  readonly windowMs: number;
  readonly timeoutMs: number;
  /** The limiter of this process's own share. */
  readonly own: RateLimiter;
  readonly passed: AllowedLog;
  readonly breaker: Breaker;
  /** The name of the process in the entries of Redis. */
  readonly name: string;
  /** Keys with requests that were allowed here and not yet reported to Redis. */
  readonly unreported: Set<string>;
  /** When a key at its limit will accept a request again; past entries are dropped a window later. */
  readonly fullUntil: Map<string, number>;
  sweptAt: number;
  nextNumber: number;
  /** When Redis last became available again, and how many processes there were before the outage. */
  returnedAt: number;
  nodesBefore: number;
}

/** The number of requests to consume, and the sequence number of the first. */
interface Requests {
  readonly cost: number;
  readonly first: number;
}

/**
 * Creates a limiter that all processes with the same Redis share. When Redis does not reply within 50 ms, a process
 * allows its share only: requests that Redis has allowed it before count against the share, and a key that Redis has
 * reported as full stays full until its oldest request leaves the window. When Redis is back, each process reports the
 * requests that it has allowed in the last window, each under a name that counts only once; until the others have had
 * time to report, its share limits it as well.
 */
export function createRedisRateLimiter(link: RedisLink, options: RedisRateLimiterOptions): RateLimiter {
  const { clock, countNodes, windowMs = RATE_WINDOW_MS, timeoutMs = TIMEOUT_MS } = options;
  const limiter: SharedLimiter = {
    ...{ link, clock, countNodes, windowMs, timeoutMs },
    own: createMemoryRateLimiter(clock, windowMs),
    passed: createAllowedLog(windowMs),
    breaker: createBreaker({ failures: FAILURES, pauseMs: PAUSE_MS }),
    name: randomUUID(),
    unreported: new Set(),
    fullUntil: new Map(),
    sweptAt: clock.monotonicMs(),
    nextNumber: 1,
    returnedAt: Number.NEGATIVE_INFINITY,
    nodesBefore: 1,
  };
  link.onChange((isUp) => {
    if (isUp) reportAgain(limiter);
    else limiter.nodesBefore = countNodes();
  });
  return {
    consume: (key, limit, cost = 1) => take(limiter, key, limit, cost),
    peek: (key, limit) => take(limiter, key, limit, 0),
  };
}

async function take(limiter: SharedLimiter, key: string, limit: number, cost: number): Promise<RateLimitResult> {
  const requests = { cost, first: limiter.nextNumber };
  limiter.nextNumber += cost;
  if (isJustBack(limiter)) {
    const share = limiter.own.peek(key, shareOf(limiter, limit)) as RateLimitResult;
    if (cost > share.remaining) return consumeShare(limiter, key, limit, requests);
  }
  const result = await consumeShared(limiter, key, limit, requests);
  if (result === undefined) return consumeShare(limiter, key, limit, requests);
  if (result.isAllowed && cost > 0) {
    void limiter.own.consume(key, limit, cost);
    recordAllowed(limiter, key, requests);
  }
  if (limiter.unreported.size > 0) reportAll(limiter);
  return result;
}

/** Consumes from the shared limit; undefined when Redis does not reply. */
async function consumeShared(
  limiter: SharedLimiter,
  key: string,
  limit: number,
  { cost, first }: Requests,
): Promise<RateLimitResult | undefined> {
  const { link, breaker, windowMs, timeoutMs, name } = limiter;
  if (!link.isUp || !breaker.tryNow()) return undefined;
  // On the same connection, so Redis runs it before the next command.
  if (limiter.unreported.has(key)) report(limiter, key);
  try {
    const args = [windowMs * 1_000, limit, cost, name, first] as const;
    const [passes, used, reset, retry] = await within(timeoutMs, evaluate(link, link.nameOf(`rate:${key}`), args));
    breaker.succeed();
    if (used >= limit) recordFull(limiter, key, reset / 1_000);
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

/** Runs the script; loads it again on a restarted server. */
async function evaluate(
  { commands }: RedisLink,
  key: string,
  args: readonly (string | number)[],
): Promise<[number, number, number, number]> {
  const isUnknown = (error: unknown) => error instanceof Error && error.message.startsWith('NOSCRIPT');
  const reply = await commands.evalsha(CONSUME_SHA, 1, key, ...args).catch((error: unknown) => {
    if (isUnknown(error)) return commands.eval(CONSUME, 1, key, ...args);
    throw error;
  });
  return reply as [number, number, number, number];
}

/** Consumes from the share of this process. */
function consumeShare(limiter: SharedLimiter, key: string, limit: number, requests: Requests): RateLimitResult {
  const { cost } = requests;
  const share = shareOf(limiter, limit);
  const fullMs = Math.ceil((limiter.fullUntil.get(key) ?? 0) - limiter.clock.monotonicMs());
  if (fullMs > 0 && cost > 0) {
    return { isAllowed: false, limit: share, remaining: 0, resetMs: fullMs, retryAfterMs: fullMs };
  }
  const result = limiter.own.consume(key, share, cost) as RateLimitResult;
  if (result.isAllowed && cost > 0) {
    recordAllowed(limiter, key, requests);
    limiter.unreported.add(key);
  }
  // A request larger than the share has to wait for Redis.
  return result.isAllowed ? result : { ...result, retryAfterMs: Math.max(result.retryAfterMs, PAUSE_MS) };
}

function shareOf(limiter: SharedLimiter, limit: number): number {
  // Just after Redis is back, it does not count all other processes yet.
  const nodes = Math.max(limiter.countNodes(), isJustBack(limiter) ? limiter.nodesBefore : 1);
  return Math.max(1, Math.floor(limit / nodes));
}

const isJustBack = ({ clock, returnedAt, windowMs }: SharedLimiter): boolean =>
  clock.monotonicMs() - returnedAt < Math.min(RETURN_MS, windowMs);

function recordAllowed({ passed, clock }: SharedLimiter, key: string, { cost, first }: Requests): void {
  passed.add(key, { at: clock.monotonicMs(), first, count: cost });
}

function recordFull(limiter: SharedLimiter, key: string, resetMs: number): void {
  const { fullUntil, windowMs } = limiter;
  const now = limiter.clock.monotonicMs();
  if (now - limiter.sweptAt >= windowMs) {
    for (const [name, until] of fullUntil) if (until <= now) fullUntil.delete(name);
    limiter.sweptAt = now;
  }
  fullUntil.set(key, now + resetMs);
}

/** Reports everything to a Redis that is back: it may have restarted and lost its counts. */
function reportAgain(limiter: SharedLimiter): void {
  limiter.returnedAt = limiter.clock.monotonicMs();
  for (const key of limiter.passed.keys()) limiter.unreported.add(key);
  reportAll(limiter);
}

function reportAll(limiter: SharedLimiter): void {
  for (const key of limiter.unreported) report(limiter, key);
}

function report({ link, clock, windowMs, passed, name, unreported }: SharedLimiter, key: string): void {
  unreported.delete(key);
  const now = clock.monotonicMs();
  const entries = passed.of(key, now);
  for (let start = 0; start < entries.length; start += MAX_REPORTED_ENTRIES) {
    const chunk = entries.slice(start, start + MAX_REPORTED_ENTRIES);
    const args = chunk.flatMap(({ at, first, count }) => [Math.round((now - at) * 1_000), first, count]);
    // Sends the script's text, because a restarted server does not know its hash: a second attempt would run after
    // later commands.
    const reported = link.commands.eval(REPORT, 1, link.nameOf(`rate:${key}`), windowMs * 1_000, name, ...args);
    reported.catch(() => unreported.add(key));
  }
}

async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const fail = () => reject(new Error('Redis does not answer in time.'));
  // If this process was delayed, the reply has arrived already, and is read before `fail` runs.
  const timer = setTimeout(() => setImmediate(fail), timeoutMs);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
