import { describe, expect, it, vi } from 'vitest';
import { hasRedis, openLimiter, startRedis } from '../helpers/nodes.ts';
import { createPrefix } from '../helpers/redis.ts';

const countAllowed = (results: readonly { isAllowed: boolean }[]) =>
  results.filter(({ isAllowed }) => isAllowed).length;

describe.runIf(hasRedis)('limiters that share a Redis', () => {
  it('let exactly 60 of 180 requests at once through, however they are spread', async () => {
    const prefix = createPrefix();
    const [a, b] = [await openLimiter({ prefix }), await openLimiter({ prefix })];
    const asked = Array.from({ length: 180 }, (_, index) => (index % 3 === 0 ? a : b).take('key', 60));
    const results = await Promise.all(asked);
    expect(countAllowed(results)).toBe(60);
    expect(new Set(results.flatMap(({ isAllowed, remaining }) => (isAllowed ? [remaining] : []))).size).toBe(60);
  });

  it('go on with a server that has forgotten the script', async () => {
    const redis = await startRedis();
    const a = await openLimiter({ url: redis.url });
    expect(await a.take('key', 4)).toMatchObject({ limit: 4, remaining: 3 });
    await redis.stop();
    await redis.start();
    await vi.waitFor(async () => expect((await a.peek('key', 4)).limit).toBe(4), 5_000);
    expect(await a.take('key', 4)).toMatchObject({ limit: 4, remaining: 3 });
  });

  it('let each its share through while Redis is away, and what it was let through before counts', async () => {
    const redis = await startRedis();
    const limiters = await Promise.all(
      [1, 2, 3].map(() => openLimiter({ url: redis.url, prefix: 'one:', countNodes: () => 3 })),
    );
    const [a, b, c] = limiters as [(typeof limiters)[0], (typeof limiters)[0], (typeof limiters)[0]];
    for (let times = 0; times < 15; times++) await a.take('key', 60);
    expect(await b.peek('key', 60)).toMatchObject({ remaining: 45 });
    await redis.stop();
    const [onA, onB, onC] = await Promise.all(
      [a, b, c].map(async (one) =>
        countAllowed(await Promise.all(Array.from({ length: 100 }, () => one.take('key', 60)))),
      ),
    );
    expect([onA, onB, onC]).toEqual([5, 20, 20]);
    expect(await a.take('key', 60)).toMatchObject({ isAllowed: false, limit: 20, remaining: 0 });
    expect(await b.take('other', 60, 21)).toMatchObject({ isAllowed: false, remaining: 20, retryAfterMs: 1_000 });
    expect(await c.take('small', 1)).toMatchObject({ isAllowed: true, limit: 1 });
    expect(await c.take('small', 1)).toMatchObject({ isAllowed: false });
  });

  it('let nothing through after Redis is gone that was full before, whoever had filled it', async () => {
    const redis = await startRedis();
    const [a, b] = await Promise.all([1, 2].map(() => openLimiter({ url: redis.url, prefix: 'one:' })));
    for (let times = 0; times < 10; times++) await a?.take('key', 10);
    expect(await b?.take('key', 10)).toMatchObject({ isAllowed: false });
    await redis.stop();
    for (const one of [a, b]) {
      const refused = await one?.take('key', 10);
      expect(refused).toMatchObject({ isAllowed: false, remaining: 0 });
      expect(refused?.retryAfterMs).toBeGreaterThan(50_000);
      expect(await one?.take('other', 10)).toMatchObject({ isAllowed: true });
    }
  });

  it('are exact again when it is back, and never let more than the limit through by Redis', async () => {
    const redis = await startRedis();
    const shared = { url: redis.url, prefix: 'one:' };
    const [a, b] = [await openLimiter(shared), await openLimiter(shared)];
    await redis.stop();
    await a.take('key', 10);
    await redis.start();
    await vi.waitFor(async () => expect((await a.peek('key', 10)).limit).toBe(10), 5_000);
    await vi.waitFor(async () => expect((await b.peek('key', 10)).limit).toBe(10), 5_000);
    const results = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? a : b).take('key', 10)));
    expect(countAllowed(results)).toBe(10);
  });
});
