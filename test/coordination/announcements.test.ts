import { describe, expect, it, vi } from 'vitest';
import { createMemoryAnnouncements } from '../../src/coordination/announcements.ts';
import {
  type CoordinationNode,
  hasRedis,
  openCoordinationNodes,
  openRedisClient,
  startRedis,
} from '../helpers/nodes.ts';
import { createRedisPrefix } from '../helpers/redis.ts';

function listen({ announcements }: CoordinationNode) {
  const [onStop, onMissed] = [vi.fn(), vi.fn()];
  announcements.on('stop', onStop);
  announcements.onMissed(onMissed);
  return { onStop, onMissed };
}

/** Resolves when this number of processes has subscribed to announcements. */
async function waitForSubscribers(count: number, { url, prefix }: { url?: string; prefix: string }): Promise<void> {
  const channel = `${prefix}announcements`;
  const client = openRedisClient(url);
  await vi.waitFor(async () => expect(await client.pubsub('NUMSUB', channel)).toEqual([channel, count]), 5_000);
}

it('calls no listener in the process that announces', () => {
  const announcements = createMemoryAnnouncements();
  const listener = vi.fn();
  announcements.on('stop', listener);
  announcements.onMissed(listener);
  announcements.announce('stop', 'id');
  expect(listener).not.toHaveBeenCalled();
});

describe.runIf(hasRedis)('announcements between processes that share a Redis', () => {
  it('reach every other process once, and not the sender', async () => {
    const prefix = createRedisPrefix();
    const nodes = (await openCoordinationNodes(3, { prefix })) as [
      CoordinationNode,
      CoordinationNode,
      CoordinationNode,
    ];
    const received = nodes.map(listen);
    const text = 'one\ntwo 👍 {"json": true}';
    await waitForSubscribers(3, { prefix });
    nodes[0].announcements.announce('stop', text);
    nodes[1].announcements.announce('stop', 'last');
    await vi.waitFor(() => expect(received.at(-1)?.onStop).toHaveBeenCalledTimes(2));
    await vi.waitFor(() => expect(received[0]?.onStop.mock.calls).toEqual([['last']]));
    expect(received[1]?.onStop.mock.calls).toEqual([[text]]);
    expect(received[2]?.onStop.mock.calls.flat().sort()).toEqual(['last', text]);
  });

  it('report a possible loss after Redis was unavailable or the sender was disconnected', async () => {
    const redis = await startRedis();
    const [a, b] = (await openCoordinationNodes(2, redis)) as [CoordinationNode, CoordinationNode];
    const { onMissed } = listen(b);
    await redis.stop();
    await vi.waitFor(() => expect([a, b].some(({ isUp }) => isUp?.())).toBe(false));
    onMissed.mockClear();
    a.announcements.announce('stop', 'lost');
    await redis.start();
    await vi.waitFor(() => expect(onMissed.mock.calls.length).toBeGreaterThanOrEqual(1), 5_000);

    await vi.waitFor(() => expect([a, b].every(({ isUp }) => isUp?.())).toBe(true), 5_000);
    onMissed.mockClear();
    const client = openRedisClient(redis.url);
    const clientList = (await client.call('CLIENT', 'LIST')) as string;
    const commandConnections = clientList.split('\n').filter((line) => line.includes('name=chatgraph-commands'));
    for (const line of commandConnections) {
      await client.call('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '');
    }
    await vi.waitFor(() => expect(onMissed).toHaveBeenCalled(), 5_000);
  });
});
