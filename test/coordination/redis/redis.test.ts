import { describe, expect, it, vi } from 'vitest';
import { StartupError } from '../../../src/domain/errors.ts';
import { type CoordinationNode, hasRedis, openCoordinationNodes, startRedis } from '../../helpers/nodes.ts';

describe.runIf(hasRedis)('a Redis shared by several nodes', () => {
  it('is logged once per node when it fails and once when it is back', async () => {
    const redis = await startRedis();
    const [node] = (await openCoordinationNodes(1, redis)) as [CoordinationNode];
    expect([node.isUp?.(), node.logs]).toEqual([true, []]);
    for (const times of [1, 2]) {
      await redis.stop();
      await vi.waitFor(() => expect(node.isUp?.()).toBe(false));
      await redis.start();
      await vi.waitFor(() => expect(node.isUp?.()).toBe(true), 5_000);
      expect(node.logs.map(({ level, msg }) => `${level} ${msg}`)).toEqual(
        Array(times).fill(['40 Redis is unavailable; continuing without it', '30 Redis is available again']).flat(),
      );
    }
  });

  it('may be unavailable at the start', async () => {
    const redis = await startRedis();
    await redis.stop();
    const [node] = (await openCoordinationNodes(1, redis)) as [CoordinationNode];
    expect(node.isUp?.()).toBe(false);
    expect(await node.limiter.consume('key', 10)).toMatchObject({ isAllowed: true, limit: 5 });
    expect(node.logs).toMatchObject([{ level: 40, reason: expect.stringContaining('ECONNREFUSED') }]);
    await redis.start();
    await vi.waitFor(() => expect(node.isUp?.()).toBe(true), 5_000);
    expect(await node.limiter.consume('key', 10)).toMatchObject({ isAllowed: true, limit: 10 });
  });

  it('is considered unavailable while it does not respond', async () => {
    const redis = await startRedis();
    const [node] = (await openCoordinationNodes(1, redis)) as [CoordinationNode];
    redis.signal('SIGSTOP');
    try {
      const startedAt = performance.now();
      const results = await Promise.all(Array.from({ length: 20 }, () => node.limiter.consume('key', 10)));
      expect(performance.now() - startedAt).toBeLessThan(500);
      expect(results.filter(({ isAllowed }) => isAllowed)).toHaveLength(5);
      expect(await node.liveTexts.read('id', 'topic')).toMatchObject({ content: '' });
      await vi.waitFor(() => expect(node.isUp?.()).toBe(false), 6_000);
    } finally {
      redis.signal('SIGCONT');
    }
    await vi.waitFor(() => expect(node.isUp?.()).toBe(true), 5_000);
  });

  it('prevents the start of a node if it rejects the password', async () => {
    const { url } = await startRedis(['--requirepass', 'right']);
    await expect(openCoordinationNodes(1, { url })).rejects.toThrow(StartupError);
    await expect(openCoordinationNodes(1, { url: url.replace('//', '//:wrong@') })).rejects.toThrow(
      /REDIS_URL.*WRONGPASS/,
    );
    const [node] = (await openCoordinationNodes(1, { url: url.replace('//', '//:right@') })) as [CoordinationNode];
    expect(node.isUp?.()).toBe(true);
  });
});
