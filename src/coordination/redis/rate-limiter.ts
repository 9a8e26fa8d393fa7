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
  readonly countProcesses: () => number;
  /** Absent: 60 seconds. Tests use a shorter window. */
  readonly windowMs?: number;
  /** How long to wait for Redis; absent: 50. */
  readonly timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 50;
const MAX_BREAKER_FAILURES = 3;
const BREAKER_PAUSE_MS = 1_000;
/** The time within which all processes reconnect after an outage, and report the requests that they allowed in it. */
const RECOVERY_MS = 5_000;
/** How far an entry may be ahead of the Redis server's clock, in microseconds. */
const MAX_CLOCK_STEP_US = 1_000_000;

/**
 * KEYS: the log of allowed requests, by time in microseconds. ARGV: the window in microseconds, limit, cost, the id of
 * the process, and the number of the first request to consume. Times are those of the Redis server, the only clock that
 * all processes share. If that clock was set back, entries in the future are dropped, because they would block callers
 * until the clock has caught up. Returns whether the request is allowed, the number of requests that the log then
 * contains, the microseconds until the oldest of them leaves the window, and the microseconds until the same request
 * would be allowed.
 */
const CONSUME_SCRIPT = `
local log, window, limit, cost = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local text = function(n) return string.format('%.0f', n) end
redis.call('ZREMRANGEBYSCORE', log, '-inf', text(now - window))
redis.call('ZREMRANGEBYSCORE', log, text(now + ${MAX_CLOCK_STEP_US}), '+inf')
local used = redis.call('ZCARD', log)
local allowed = used + cost <= limit
if allowed and cost > 0 then
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
local reset = used > 0 and wait(1) or 0
local retry = not allowed and used > 0 and wait(used + cost - limit) or 0
return { allowed and 1 or 0, used, reset, retry }`;
const CONSUME_SHA = hash('sha1', CONSUME_SCRIPT);

/**
 * KEYS: the log of allowed requests. ARGV: the window in microseconds, the id of the process, then for each group of
 * requests that it allowed at one moment: their age in microseconds, the number of the first request, and their count.
 * Existing entries do not change.
 */
const REPORT_SCRIPT = `
local log, window, process = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local text = function(n) return string.format('%.0f', n) end
for i = 3, #ARGV, 3 do
  local at = text(now - tonumber(ARGV[i]))
  for n = 0, tonumber(ARGV[i + 2]) - 1 do
    redis.call('ZADD', log, 'NX', at, process .. ':' .. text(tonumber(ARGV[i + 1]) + n))
  end
end
redis.call('PEXPIRE', log, text(math.ceil(window / 1000)))`;

/** The maximum number of groups in one report: a running script blocks all other commands. */
const MAX_REPORTED_GROUPS = 500;

/** The state of one process's limiter. */
interface SharedLimiter {
  readonly link: RedisLink;
  readonly clock: Clock;
  readonly countProcesses: () => number;
  readonly windowMs: number;
  readonly timeoutMs: number;
  /** Limits this process to its share when Redis does not reply in time. */
  readonly shareLimiter: RateLimiter;
  readonly allowedLog: AllowedLog;
  readonly breaker: Breaker;
  /** Identifies this process in the entries of Redis. */
  readonly processId: string;
  /** Keys with requests that were allowed here and not yet reported to Redis. */
  readonly unreported: Set<string>;
  /** When each key that was at its limit allows a request again. Past times are dropped once per window. */
  readonly fullUntil: Map<string, number>;
  sweptAt: number;
  nextRequestNumber: number;
  /** When Redis last became available again. */
  recoveredAt: number;
  /** The number of processes before the last outage. */
  processesBeforeOutage: number;
}

/** The number of requests to consume, and the sequence number of the first. */
interface Requests {
  readonly cost: number;
  readonly firstNumber: number;
}

/**
 * Creates a limiter that all processes with the same Redis share. When Redis does not reply within 50 ms, a process
 * allows only its share of the limit: the requests that Redis allowed it before count against the share, and a key that
 * Redis reported at its limit stays blocked until its oldest request leaves the window. When Redis is back, each
 * process reports the requests that it has allowed in the last window; a request that is reported twice counts once.
 * Until the other processes have had time to report, each process also stays within its share.
 */
export function createRedisRateLimiter(link: RedisLink, options: RedisRateLimiterOptions): RateLimiter {
  const { clock, countProcesses, windowMs = RATE_WINDOW_MS, timeoutMs = TIMEOUT_MS } = options;
  const limiter: SharedLimiter = {
    ...{ link, clock, countProcesses, windowMs, timeoutMs },
    shareLimiter: createMemoryRateLimiter(clock, windowMs),
    allowedLog: createAllowedLog(windowMs),
    breaker: createBreaker({ maxFailures: MAX_BREAKER_FAILURES, pauseMs: BREAKER_PAUSE_MS }),
    processId: randomUUID(),
    unreported: new Set(),
    fullUntil: new Map(),
    sweptAt: clock.monotonicMs(),
    nextRequestNumber: 1,
    recoveredAt: Number.NEGATIVE_INFINITY,
    processesBeforeOutage: 1,
  };
  link.onChange((isUp) => {
    if (isUp) reportAllAllowed(limiter);
    else limiter.processesBeforeOutage = countProcesses();
  });
  return {
    consume: (key, limit, cost = 1) => consumeOrPeek(limiter, key, limit, cost),
    peek: (key, limit) => consumeOrPeek(limiter, key, limit, 0),
    giveBack(key) {
      limiter.shareLimiter.giveBack(key);
      const number = limiter.allowedLog.removeNewest(key);
      if (number === undefined || !link.isUp) return;
      // If Redis does not receive this, the request stays counted until it leaves the window.
      link.commands.zrem(link.nameOf(`rate:${key}`), `${limiter.processId}:${number}`).catch(() => {});
    },
  };
}

/** Consumes `cost` requests; with a cost of 0, only reads the status. */
async function consumeOrPeek(
  limiter: SharedLimiter,
  key: string,
  limit: number,
  cost: number,
): Promise<RateLimitResult> {
  const requests: Requests = { cost, firstNumber: limiter.nextRequestNumber };
  limiter.nextRequestNumber += cost;
  if (isRecovering(limiter)) {
    const share = limiter.shareLimiter.peek(key, shareOf(limiter, limit)) as RateLimitResult;
    if (cost > share.remaining) return consumeShare(limiter, key, limit, requests);
  }
  const result = await consumeShared(limiter, key, limit, requests);
  if (result === undefined) return consumeShare(limiter, key, limit, requests);
  if (result.isAllowed && cost > 0) {
    void limiter.shareLimiter.consume(key, limit, cost);
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
  { cost, firstNumber }: Requests,
): Promise<RateLimitResult | undefined> {
  const { link, breaker, windowMs, timeoutMs, processId } = limiter;
  if (!link.isUp || !breaker.allowAttempt()) return undefined;
  // The report uses the same connection, so Redis counts the reported requests before it decides about this one.
  if (limiter.unreported.has(key)) report(limiter, key);
  try {
    const args = [windowMs * 1_000, limit, cost, processId, firstNumber] as const;
    const reply = await withTimeout(timeoutMs, evaluateConsume(link, link.nameOf(`rate:${key}`), args));
    const [isAllowed, used, resetUs, retryUs] = reply;
    breaker.reportSuccess();
    if (used >= limit) recordFull(limiter, key, resetUs / 1_000);
    return {
      isAllowed: isAllowed === 1,
      limit,
      remaining: Math.max(0, limit - used),
      resetMs: Math.ceil(resetUs / 1_000),
      retryAfterMs: Math.ceil(retryUs / 1_000),
    };
  } catch {
    breaker.reportFailure();
    return undefined;
  }
}

/** Runs the consume script; sends its text to a server that does not have it, such as a restarted one. */
async function evaluateConsume(
  { commands }: RedisLink,
  key: string,
  args: readonly (string | number)[],
): Promise<[number, number, number, number]> {
  const isUnknownScript = (error: unknown) => error instanceof Error && error.message.startsWith('NOSCRIPT');
  const reply = await commands.evalsha(CONSUME_SHA, 1, key, ...args).catch((error: unknown) => {
    if (isUnknownScript(error)) return commands.eval(CONSUME_SCRIPT, 1, key, ...args);
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
  const result = limiter.shareLimiter.consume(key, share, cost) as RateLimitResult;
  if (result.isAllowed && cost > 0) {
    recordAllowed(limiter, key, requests);
    limiter.unreported.add(key);
  }
  // A request that exceeds the share has to wait for Redis, even if the share is free earlier.
  return result.isAllowed ? result : { ...result, retryAfterMs: Math.max(result.retryAfterMs, BREAKER_PAUSE_MS) };
}

function shareOf(limiter: SharedLimiter, limit: number): number {
  // Just after an outage, the count lacks processes that have not reconnected yet.
  const processes = Math.max(limiter.countProcesses(), isRecovering(limiter) ? limiter.processesBeforeOutage : 1);
  return Math.max(1, Math.floor(limit / processes));
}

const isRecovering = ({ clock, recoveredAt, windowMs }: SharedLimiter): boolean =>
  clock.monotonicMs() - recoveredAt < Math.min(RECOVERY_MS, windowMs);

function recordAllowed({ allowedLog, clock }: SharedLimiter, key: string, { cost, firstNumber }: Requests): void {
  allowedLog.add(key, { at: clock.monotonicMs(), firstNumber, count: cost });
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

/** Reports all allowed requests after an outage, because Redis may have restarted and lost its counts. */
function reportAllAllowed(limiter: SharedLimiter): void {
  limiter.recoveredAt = limiter.clock.monotonicMs();
  for (const key of limiter.allowedLog.keys()) limiter.unreported.add(key);
  reportAll(limiter);
}

function reportAll(limiter: SharedLimiter): void {
  for (const key of limiter.unreported) report(limiter, key);
}

function report({ link, clock, windowMs, allowedLog, processId, unreported }: SharedLimiter, key: string): void {
  unreported.delete(key);
  const now = clock.monotonicMs();
  const groups = allowedLog.list(key, now);
  for (let start = 0; start < groups.length; start += MAX_REPORTED_GROUPS) {
    const chunk = groups.slice(start, start + MAX_REPORTED_GROUPS);
    const args = chunk.flatMap(({ at, firstNumber, count }) => [Math.round((now - at) * 1_000), firstNumber, count]);
    // Sends the script's text instead of its hash, which a restarted server does not know: a second attempt would run
    // after later commands.
    const name = link.nameOf(`rate:${key}`);
    const reported = link.commands.eval(REPORT_SCRIPT, 1, name, windowMs * 1_000, processId, ...args);
    reported.catch(() => unreported.add(key));
  }
}

async function withTimeout<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const fail = () => reject(new Error('Redis did not reply in time.'));
  // If this process was delayed, the reply has arrived already, and is read before `fail` runs.
  const timer = setTimeout(() => setImmediate(fail), timeoutMs);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
