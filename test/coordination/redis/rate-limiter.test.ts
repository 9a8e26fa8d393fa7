import { describe, expect, it, vi } from 'vitest';
import { hasRedis, type OwnRedis, openClient, openLimiter, startRedis } from '../../helpers/nodes.ts';
import { createPrefix } from '../../helpers/redis.ts';

const countAllowed = (results: readonly { isAllowed: boolean }[]) =>
  results.filter(({ isAllowed }) => isAllowed).length;

describe.runIf(hasRedis)('limiters that share a Redis', () => {
  it('allow exactly 60 of 180 concurrent requests, however they are distributed', async () => {
    const prefix = createPrefix();
    const [a, b] = [await openLimiter({ prefix }), await openLimiter({ prefix })];
    const requests = Array.from({ length: 180 }, (_, index) => (index % 3 === 0 ? a : b).consume('key', 60));
    const results = await Promise.all(requests);
    expect(countAllowed(results)).toBe(60);
    expect(new Set(results.flatMap(({ isAllowed, remaining }) => (isAllowed ? [remaining] : []))).size).toBe(60);
  });

  it('continue with a server that has lost the script and its counts', async () => {
    const redis = await startRedis();
    const a = await openLimiter({ url: redis.url });
    expect(await a.consume('key', 4)).toMatchObject({ limit: 4, remaining: 3 });
    await redis.stop();
    await redis.start();
    await vi.waitFor(async () => expect((await a.peek('key', 4)).limit).toBe(4), 5_000);
    expect(await a.consume('key', 4)).toMatchObject({ limit: 4, remaining: 2 });
  });

  it('allow each process its share while Redis is unavailable, and count its earlier requests', async () => {
    const redis = await startRedis();
    const limiters = await Promise.all(
      [1, 2, 3].map(() => openLimiter({ url: redis.url, prefix: 'one:', countNodes: () => 3 })),
    );
    const [a, b, c] = limiters as [(typeof limiters)[0], (typeof limiters)[0], (typeof limiters)[0]];
    for (let times = 0; times < 15; times++) await a.consume('key', 60);
    expect(await b.peek('key', 60)).toMatchObject({ remaining: 45 });
    await redis.stop();
    const [onA, onB, onC] = await Promise.all(
      [a, b, c].map(async (one) =>
        countAllowed(await Promise.all(Array.from({ length: 100 }, () => one.consume('key', 60)))),
      ),
    );
    expect([onA, onB, onC]).toEqual([5, 20, 20]);
    expect(await a.consume('key', 60)).toMatchObject({ isAllowed: false, limit: 20, remaining: 0 });
    expect(await b.consume('other', 60, 21)).toMatchObject({ isAllowed: false, remaining: 20, retryAfterMs: 1_000 });
    expect(await c.consume('small', 1)).toMatchObject({ isAllowed: true, limit: 1 });
    expect(await c.consume('small', 1)).toMatchObject({ isAllowed: false });
  });

  it('allow no requests of a key that was full before Redis failed, whichever process used it up', async () => {
    const redis = await startRedis();
    const [a, b] = await Promise.all([1, 2].map(() => openLimiter({ url: redis.url, prefix: 'one:' })));
    for (let times = 0; times < 10; times++) await a?.consume('key', 10);
    expect(await b?.consume('key', 10)).toMatchObject({ isAllowed: false });
    await redis.stop();
    for (const one of [a, b]) {
      const refused = await one?.consume('key', 10);
      expect(refused).toMatchObject({ isAllowed: false, remaining: 0 });
      expect(refused?.retryAfterMs).toBeGreaterThan(50_000);
      expect(await one?.consume('other', 10)).toMatchObject({ isAllowed: true });
    }
  });

  it.each([
    {
      name: 'lost its counts',
      leave: (redis: OwnRedis) => redis.stop(),
      come: (redis: OwnRedis) => redis.start(),
    },
    {
      name: 'hung without losing data',
      leave: (redis: OwnRedis) => redis.signal('SIGSTOP'),
      come: (redis: OwnRedis) => redis.signal('SIGCONT'),
    },
  ])('allow no more than the limit in a minute in which Redis $name', async ({ leave, come }) => {
    const redis = await startRedis();
    const shared = { url: redis.url, prefix: 'one:', timeoutMs: 200 };
    const [a, b] = [await openLimiter(shared), await openLimiter(shared)];
    const ask = async (times: number) => {
      const requests = Array.from({ length: times }, (_, n) => (n % 2 ? a : b).consume('key', 60));
      return countAllowed(await Promise.all(requests));
    };
    let allowed = await ask(10);
    await leave(redis);
    allowed += await ask(120);
    await come(redis);
    for (const one of [a, b]) {
      await vi.waitFor(async () => {
        allowed += await ask(2);
        expect((await one.peek('key', 60)).limit).toBe(60);
      }, 15_000);
    }
    allowed += await ask(120);
    expect(allowed).toBe(60);
    expect(await a.peek('key', 60)).toMatchObject({ remaining: 0 });
  });

  it('count what a single process allowed while Redis was unavailable', async () => {
    const redis = await startRedis();
    const one = await openLimiter({ url: redis.url, countNodes: () => 1 });
    await redis.stop();
    for (let times = 0; times < 40; times++) expect(await one.consume('key', 60)).toMatchObject({ isAllowed: true });
    await redis.start();
    await vi.waitFor(async () => expect(await one.peek('key', 60)).toMatchObject({ remaining: 20 }), 5_000);
    expect(countAllowed(await Promise.all(Array.from({ length: 60 }, () => one.consume('key', 60))))).toBe(20);
  });

  it('block no key whose requests are dated in the future by a clock that was set back', async () => {
    const prefix = createPrefix();
    const one = await openLimiter({ prefix });
    const future = (Date.now() + 3_600_000) * 1_000;
    await openClient().zadd(`${prefix}rate:key`, ...Array.from({ length: 60 }, (_, n) => [future, `old:${n}`]).flat());
    expect(await one.consume('key', 60)).toMatchObject({ isAllowed: true, remaining: 59 });
  });

  it('are exact again when Redis is back, and count what was allowed meanwhile', async () => {
    const redis = await startRedis();
    const shared = { url: redis.url, prefix: 'one:' };
    const [a, b] = [await openLimiter(shared), await openLimiter(shared)];
    await redis.stop();
    await a.consume('key', 10);
    await redis.start();
    await vi.waitFor(async () => expect((await a.peek('key', 10)).limit).toBe(10), 5_000);
    await vi.waitFor(async () => expect((await b.peek('key', 10)).limit).toBe(10), 5_000);
    const results = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? a : b).consume('key', 10)));
    expect(countAllowed(results)).toBe(9);
  });
});
