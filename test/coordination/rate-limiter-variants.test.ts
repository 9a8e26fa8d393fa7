import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { createMemoryRateLimiter, type RateLimiter } from '../../src/coordination/rate-limiter.ts';
import { systemClock } from '../../src/domain/time.ts';
import { hasRedis, openRedisRateLimiter } from '../helpers/nodes.ts';
import { createRandom } from '../helpers/random.ts';

const WINDOW_MS = 600;

const VARIANTS = [
  { name: 'in memory', open: async () => createMemoryRateLimiter(systemClock, WINDOW_MS), canRun: true },
  { name: 'over Redis', open: () => openRedisRateLimiter({ windowMs: WINDOW_MS }), canRun: hasRedis },
];

/** Consumes requests of this cost, and returns the result with the times before and after the call. */
async function consumeTimed(limiter: RateLimiter, limit: number, cost: number) {
  const from = performance.now();
  const result = await limiter.consume('key', limit, cost);
  return { ...result, from, to: performance.now() };
}

describe.each(VARIANTS)('the rate limiter $name', ({ open, canRun }) => {
  it.runIf(canRun).each([1, 2, 3])('allows at most the limit in any window (seed %i)', async (seed) => {
    const limiter = await open();
    const random = createRandom(seed);
    const [limit, maxCost] = [20, 1 + random.below(5)];
    const allowedRequests: { from: number; to: number }[] = [];
    const endsAt = performance.now() + 4 * WINDOW_MS;
    while (performance.now() < endsAt) {
      const costs = Array.from({ length: 1 + random.below(6) }, () => 1 + random.below(maxCost));
      const results = await Promise.all(costs.map((cost) => consumeTimed(limiter, limit, cost)));
      for (const [index, { isAllowed, remaining, resetMs, retryAfterMs, from, to }] of results.entries()) {
        if (isAllowed) allowedRequests.push(...Array(costs[index]).fill({ from, to }));
        expect(isAllowed).toBe(retryAfterMs === 0);
        expect(remaining).toBeGreaterThanOrEqual(0);
        expect(Math.max(resetMs, retryAfterMs)).toBeLessThanOrEqual(WINDOW_MS);
      }
      await wait(random.below(40));
    }
    expect(allowedRequests.length).toBeGreaterThan(2 * limit);
    // Of `limit` + 1 consecutive allowed requests, the first and the last are at least one window apart.
    for (const [index, { to }] of allowedRequests.entries()) {
      const first = allowedRequests[index - limit];
      if (first) expect(to - first.from).toBeGreaterThan(WINDOW_MS - 2);
    }
  });

  it.runIf(canRun)('consumes a cost as a whole or not at all', async () => {
    const limiter = await open();
    expect(await limiter.consume('key', 10, 8)).toMatchObject({
      isAllowed: true,
      limit: 10,
      remaining: 2,
      retryAfterMs: 0,
    });
    const refused = await limiter.consume('key', 10, 3);
    expect(refused).toMatchObject({ isAllowed: false, limit: 10, remaining: 2 });
    expect(refused.retryAfterMs).toBe(refused.resetMs);
    expect(await limiter.consume('key', 10, 2)).toMatchObject({ isAllowed: true, remaining: 0 });
  });

  it.runIf(canRun)('returns the status of a key without consuming a request', async () => {
    const limiter = await open();
    expect(await limiter.peek('key', 3)).toEqual({
      isAllowed: true,
      limit: 3,
      remaining: 3,
      resetMs: 0,
      retryAfterMs: 0,
    });
    await limiter.consume('key', 3, 3);
    for (let times = 0; times < 3; times++) expect(await limiter.peek('key', 3)).toMatchObject({ remaining: 0 });
    expect(await limiter.peek('other', 3)).toMatchObject({ remaining: 3 });
    expect(await limiter.peek('key', 5)).toMatchObject({ isAllowed: true, remaining: 2 });
    expect(await limiter.peek('key', 2)).toMatchObject({ isAllowed: false, remaining: 0, limit: 2 });
  });

  it.runIf(canRun)('allows a rejected request after the reported retry time', async () => {
    const limiter = await open();
    await limiter.consume('key', 4, 2);
    await wait(50);
    await limiter.consume('key', 4, 2);
    const { isAllowed, resetMs, retryAfterMs } = await limiter.consume('key', 4, 3);
    expect(isAllowed).toBe(false);
    expect(retryAfterMs).toBeGreaterThan(resetMs);
    await wait(retryAfterMs + 1);
    expect(await limiter.consume('key', 4, 3)).toMatchObject({ isAllowed: true });
  });

  it.runIf(canRun)('counts each key separately, and does not count rejected requests', async () => {
    const limiter = await open();
    expect((await limiter.consume('one', 1)).isAllowed).toBe(true);
    expect((await limiter.consume('two', 1)).isAllowed).toBe(true);
    const { retryAfterMs } = await limiter.consume('one', 1);
    await vi.waitFor(async () => expect((await limiter.consume('one', 1)).isAllowed).toBe(true), {
      timeout: retryAfterMs + 200,
      interval: 5,
    });
  });

  it.runIf(canRun)('allows another request for each one that is given back', async () => {
    const limiter = await open();
    await limiter.consume('key', 3, 2);
    await limiter.consume('key', 3);
    for (const remaining of [1, 2, 3, 3]) {
      limiter.giveBack('key');
      expect(await limiter.peek('key', 3)).toMatchObject({ remaining });
    }
    expect(await limiter.consume('key', 3, 3)).toMatchObject({ isAllowed: true, remaining: 0 });
    limiter.giveBack('other');
    expect(await limiter.consume('other', 1)).toMatchObject({ isAllowed: true });
    expect(await limiter.consume('other', 1)).toMatchObject({ isAllowed: false });
  });

  it.runIf(canRun)('enforces a large limit', async () => {
    const limiter = await open();
    expect(await limiter.consume('key', 1_000_000, 2_999)).toMatchObject({ isAllowed: true, remaining: 997_001 });
    expect(await limiter.consume('key', 3_000)).toMatchObject({ isAllowed: true, remaining: 0 });
    expect(await limiter.consume('key', 3_000)).toMatchObject({ isAllowed: false, remaining: 0 });
  });
});
