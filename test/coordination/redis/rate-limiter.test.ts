import { describe, expect, it, vi } from 'vitest';
import { hasRedis, openRedisClient, openRedisRateLimiter, type RedisServer, startRedis } from '../../helpers/nodes.ts';
import { createRedisPrefix } from '../../helpers/redis.ts';

const countAllowed = (results: readonly { isAllowed: boolean }[]) =>
  results.filter(({ isAllowed }) => isAllowed).length;

describe.runIf(hasRedis)('limiters that share a Redis', () => {
  it('allow exactly 60 of 180 concurrent requests to two processes', async () => {
    const prefix = createRedisPrefix();
    const [a, b] = [await openRedisRateLimiter({ prefix }), await openRedisRateLimiter({ prefix })];
    const requests = Array.from({ length: 180 }, (_, index) => (index % 3 === 0 ? a : b).consume('key', 60));
    const results = await Promise.all(requests);
    expect(countAllowed(results)).toBe(60);
    expect(new Set(results.flatMap(({ isAllowed, remaining }) => (isAllowed ? [remaining] : []))).size).toBe(60);
  });

  it('continue when the server has lost the script and its counts', async () => {
    const redis = await startRedis();
    const a = await openRedisRateLimiter({ url: redis.url });
    expect(await a.consume('key', 4)).toMatchObject({ limit: 4, remaining: 3 });
    await redis.stop();
    await redis.start();
    await vi.waitFor(async () => expect((await a.peek('key', 4)).limit).toBe(4), 5_000);
    expect(await a.consume('key', 4)).toMatchObject({ limit: 4, remaining: 2 });
  });

  it('allow each process its share of the limit while Redis is unavailable, minus its earlier requests', async () => {
    const redis = await startRedis();
    const limiters = await Promise.all(
      [1, 2, 3].map(() => openRedisRateLimiter({ url: redis.url, prefix: 'one:', countProcesses: () => 3 })),
    );
    const [a, b, c] = limiters as [(typeof limiters)[0], (typeof limiters)[0], (typeof limiters)[0]];
    for (let times = 0; times < 15; times++) await a.consume('key', 60);
    expect(await b.peek('key', 60)).toMatchObject({ remaining: 45 });
    await redis.stop();
    const [allowedByA, allowedByB, allowedByC] = await Promise.all(
      [a, b, c].map(async (limiter) =>
        countAllowed(await Promise.all(Array.from({ length: 100 }, () => limiter.consume('key', 60)))),
      ),
    );
    expect([allowedByA, allowedByB, allowedByC]).toEqual([5, 20, 20]);
    expect(await a.consume('key', 60)).toMatchObject({ isAllowed: false, limit: 20, remaining: 0 });
    expect(await b.consume('other', 60, 21)).toMatchObject({ isAllowed: false, remaining: 20, retryAfterMs: 1_000 });
    expect(await c.consume('small', 1)).toMatchObject({ isAllowed: true, limit: 1 });
    expect(await c.consume('small', 1)).toMatchObject({ isAllowed: false });
  });

  it('reject a key that reached its limit before Redis failed, in every process', async () => {
    const redis = await startRedis();
    const [a, b] = await Promise.all([1, 2].map(() => openRedisRateLimiter({ url: redis.url, prefix: 'one:' })));
    for (let times = 0; times < 10; times++) await a?.consume('key', 10);
    expect(await b?.consume('key', 10)).toMatchObject({ isAllowed: false });
    await redis.stop();
    for (const limiter of [a, b]) {
      const refused = await limiter?.consume('key', 10);
      expect(refused).toMatchObject({ isAllowed: false, remaining: 0 });
      expect(refused?.retryAfterMs).toBeGreaterThan(50_000);
      expect(await limiter?.consume('other', 10)).toMatchObject({ isAllowed: true });
    }
  });

  it.each([
    {
      name: 'lost its counts',
      fail: (redis: RedisServer) => redis.stop(),
      recover: (redis: RedisServer) => redis.start(),
    },
    {
      name: 'hung without losing data',
      fail: (redis: RedisServer) => redis.signal('SIGSTOP'),
      recover: (redis: RedisServer) => redis.signal('SIGCONT'),
    },
  ])('allow at most the limit in a minute in which Redis $name', async ({ fail, recover }) => {
    const redis = await startRedis();
    const options = { url: redis.url, prefix: 'one:', timeoutMs: 200 };
    const [a, b] = [await openRedisRateLimiter(options), await openRedisRateLimiter(options)];
    const consumeMany = async (times: number) => {
      const requests = Array.from({ length: times }, (_, n) => (n % 2 ? a : b).consume('key', 60));
      return countAllowed(await Promise.all(requests));
    };
    let allowed = await consumeMany(10);
    await fail(redis);
    allowed += await consumeMany(120);
    await recover(redis);
    for (const limiter of [a, b]) {
      await vi.waitFor(async () => {
        allowed += await consumeMany(2);
        expect((await limiter.peek('key', 60)).limit).toBe(60);
      }, 15_000);
    }
    allowed += await consumeMany(120);
    expect(allowed).toBe(60);
    expect(await a.peek('key', 60)).toMatchObject({ remaining: 0 });
  });

  it('count what a single process allowed while Redis was unavailable', async () => {
    const redis = await startRedis();
    const limiter = await openRedisRateLimiter({ url: redis.url, countProcesses: () => 1 });
    await redis.stop();
    for (let times = 0; times < 40; times++)
      expect(await limiter.consume('key', 60)).toMatchObject({ isAllowed: true });
    await redis.start();
    await vi.waitFor(async () => expect(await limiter.peek('key', 60)).toMatchObject({ remaining: 20 }), 5_000);
    expect(countAllowed(await Promise.all(Array.from({ length: 60 }, () => limiter.consume('key', 60))))).toBe(20);
  });

  it('do not block a key whose stored requests are in the future because a clock was set back', async () => {
    const prefix = createRedisPrefix();
    const limiter = await openRedisRateLimiter({ prefix });
    const future = (Date.now() + 3_600_000) * 1_000;
    await openRedisClient().zadd(
      `${prefix}rate:key`,
      ...Array.from({ length: 60 }, (_, n) => [future, `old:${n}`]).flat(),
    );
    expect(await limiter.consume('key', 60)).toMatchObject({ isAllowed: true, remaining: 59 });
  });

  it('are exact again when Redis is back, and count the requests allowed in the meantime', async () => {
    const redis = await startRedis();
    const options = { url: redis.url, prefix: 'one:' };
    const [a, b] = [await openRedisRateLimiter(options), await openRedisRateLimiter(options)];
    await redis.stop();
    await a.consume('key', 10);
    await redis.start();
    await vi.waitFor(async () => expect((await a.peek('key', 10)).limit).toBe(10), 5_000);
    await vi.waitFor(async () => expect((await b.peek('key', 10)).limit).toBe(10), 5_000);
    const results = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? a : b).consume('key', 10)));
    expect(countAllowed(results)).toBe(9);
  });
});
