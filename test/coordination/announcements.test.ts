import { describe, expect, it, vi } from 'vitest';
import { createMemoryAnnouncements } from '../../src/coordination/announcements.ts';
import { hasRedis, type Node, openClient, openNodes, startRedis } from '../helpers/nodes.ts';
import { createPrefix } from '../helpers/redis.ts';

function listen({ announcements }: Node) {
  const [onStop, onMissed] = [vi.fn(), vi.fn()];
  announcements.on('stop', onStop);
  announcements.onMissed(onMissed);
  return { onStop, onMissed };
}

/** Resolves when the given number of processes receive announcements. */
async function waitForHearers(count: number, { url, prefix }: { url?: string; prefix: string }): Promise<void> {
  const channel = `${prefix}announcements`;
  const client = openClient(url);
  await vi.waitFor(async () => expect(await client.pubsub('NUMSUB', channel)).toEqual([channel, count]), 5_000);
}

it('reaches no listener within a single process', () => {
  const announcements = createMemoryAnnouncements();
  const listener = vi.fn();
  announcements.on('stop', listener);
  announcements.onMissed(listener);
  announcements.announce('stop', 'id');
  expect(listener).not.toHaveBeenCalled();
});

describe.runIf(hasRedis)('announcements between processes that share a Redis', () => {
  it('reach every other process once, whatever the text, and not the sender', async () => {
    const prefix = createPrefix();
    const nodes = (await openNodes(3, { prefix })) as [Node, Node, Node];
    const received = nodes.map(listen);
    const text = 'one\ntwo 👍 {"json": true}';
    await waitForHearers(3, { prefix });
    nodes[0].announcements.announce('stop', text);
    nodes[1].announcements.announce('stop', 'last');
    await vi.waitFor(() => expect(received.at(-1)?.onStop).toHaveBeenCalledTimes(2));
    await vi.waitFor(() => expect(received[0]?.onStop.mock.calls).toEqual([['last']]));
    expect(received[1]?.onStop.mock.calls).toEqual([[text]]);
    expect(received[2]?.onStop.mock.calls.flat().sort()).toEqual(['last', text]);
  });

  it('report that some may have been missed: when Redis was unavailable, or the sender was disconnected', async () => {
    const redis = await startRedis();
    const [a, b] = (await openNodes(2, redis)) as [Node, Node];
    const { onMissed } = listen(b);
    await redis.stop();
    await vi.waitFor(() => expect([a, b].some(({ isUp }) => isUp?.())).toBe(false));
    onMissed.mockClear();
    a.announcements.announce('stop', 'lost');
    await redis.start();
    await vi.waitFor(() => expect(onMissed.mock.calls.length).toBeGreaterThanOrEqual(1), 5_000);

    await vi.waitFor(() => expect([a, b].every(({ isUp }) => isUp?.())).toBe(true), 5_000);
    onMissed.mockClear();
    const client = openClient(redis.url);
    const own = (await client.call('CLIENT', 'LIST')) as string;
    const commands = own.split('\n').filter((line) => line.includes('name=chatgraph-commands'));
    for (const line of commands) await client.call('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '');
    await vi.waitFor(() => expect(onMissed).toHaveBeenCalled(), 5_000);
  });
});
