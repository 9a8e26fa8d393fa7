import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChannels } from '../../../src/coordination/redis/channels.ts';
import { createCommandBatcher } from '../../../src/coordination/redis/command-batcher.ts';
import { openRedis } from '../../../src/coordination/redis/link.ts';
import { createRedisBus } from '../../../src/coordination/redis/live-bus.ts';
import {
  type CoordinationNode,
  hasRedis,
  openCoordinationNodes,
  openRedisClient,
  startRedis,
} from '../../helpers/nodes.ts';
import { createRedisPrefix } from '../../helpers/redis.ts';
import { TEST_REDIS_URL } from '../../helpers/servers.ts';

/** Subscribes to a topic, and resolves when signals from other nodes arrive. */
async function subscribe({ bus }: CoordinationNode, topic: string) {
  const listener = vi.fn();
  const unsubscribe = bus.subscribe(topic, listener);
  // The listener is woken once when the subscription starts.
  await vi.waitFor(() => expect(listener).toHaveBeenCalled());
  listener.mockClear();
  return Object.assign(listener, { unsubscribe });
}

describe.runIf(hasRedis)('buses that share a Redis', () => {
  it('wake the listeners of the topic on all nodes, and no others', async () => {
    const [a, b, c] = (await openCoordinationNodes(3)) as [CoordinationNode, CoordinationNode, CoordinationNode];
    const [onA, onB, onC] = await Promise.all([subscribe(a, 'x'), subscribe(b, 'x'), subscribe(c, 'y')]);
    a.bus.publish('x');
    await vi.waitFor(() => expect([onA, onB].map((listener) => listener.mock.calls.length)).toEqual([1, 1]));
    c.bus.publish('x');
    await vi.waitFor(() => expect([onA, onB].map((listener) => listener.mock.calls.length)).toEqual([2, 2]));
    expect(onC).not.toHaveBeenCalled();
  });

  it('combine signals in quick succession into one', async () => {
    const prefix = createRedisPrefix();
    const [a, b] = (await openCoordinationNodes(2, { prefix })) as [CoordinationNode, CoordinationNode];
    const onB = await subscribe(b, 'x');
    for (let count = 0; count < 1_000; count++) a.bus.publish('x');
    await vi.waitFor(() => expect(onB).toHaveBeenCalled());
    a.bus.publish('x');
    await vi.waitFor(() => expect(onB).toHaveBeenCalledTimes(2));
  });

  it('continue when Redis rejects a whole batch, and log it once', async () => {
    const prefix = createRedisPrefix();
    const [b] = (await openCoordinationNodes(1, { prefix })) as [CoordinationNode];
    const onB = await subscribe(b, 'x');
    const errors: string[] = [];
    const logger = { error: (_fields: object, msg: string) => errors.push(msg), info() {}, warn() {} };
    const link = await openRedis({ url: TEST_REDIS_URL, prefix, logger: logger as never });
    onTestFinished(() => link.close());
    const batcher = createCommandBatcher(link);
    const bus = createRedisBus(link, createChannels(link), batcher);
    const pipeline = link.commands.pipeline.bind(link.commands);
    const spy = vi.spyOn(link.commands, 'pipeline').mockImplementation(() => {
      return Object.assign(pipeline(), { exec: () => Promise.reject(new Error('Refused.')) });
    });
    for (let round = 0; round < 2; round++) {
      bus.publish('x');
      await batcher.flush();
    }
    expect(spy).toHaveBeenCalledTimes(2);
    spy.mockRestore();
    bus.publish('y');
    await vi.waitFor(() => expect(onB).toHaveBeenCalled());
    expect(errors).toEqual(['Redis refused a batch; continuing without it']);
  });

  it('subscribe only to topics with listeners, and unsubscribe soon after the last listener', async () => {
    const prefix = createRedisPrefix();
    const [a] = (await openCoordinationNodes(1, { prefix })) as [CoordinationNode];
    const client = openRedisClient();
    const channels = async () => (await client.pubsub('CHANNELS', `${prefix}news:*`)) as string[];
    const [first, second] = await Promise.all([subscribe(a, 'x'), subscribe(a, 'y')]);
    const unsubscribeOther = a.bus.subscribe('x', () => {});
    expect((await channels()).sort()).toEqual([`${prefix}news:x`, `${prefix}news:y`]);
    first.unsubscribe();
    second.unsubscribe();
    await vi.waitFor(async () => expect(await channels()).toEqual([`${prefix}news:x`]), 5_000);
    unsubscribeOther();
    await vi.waitFor(async () => expect(await channels()).toEqual([]), 5_000);
  });

  it('separate installations by their prefixes', async () => {
    const [[a], [b]] = (await Promise.all([openCoordinationNodes(1), openCoordinationNodes(1)])) as [
      [CoordinationNode],
      [CoordinationNode],
    ];
    const [onA, onB] = await Promise.all([subscribe(a, 'x'), subscribe(b, 'x')]);
    a.bus.publish('x');
    await vi.waitFor(() => expect(onA).toHaveBeenCalled());
    b.bus.publish('y');
    expect(onB).not.toHaveBeenCalled();
  });

  it('wake all listeners once after a lost connection, because signals may be missed', async () => {
    const redis = await startRedis();
    const [b] = (await openCoordinationNodes(1, redis)) as [CoordinationNode];
    const [onX, onY] = await Promise.all([subscribe(b, 'x'), subscribe(b, 'y')]);
    await openRedisClient(redis.url).call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await vi.waitFor(() => expect(b.logs.map(({ msg }) => msg)).toContain('Redis is available again'), 5_000);
    for (const listener of [onX, onY]) await vi.waitFor(() => expect(listener).toHaveBeenCalled());
  });

  it('work within each process without Redis, and across processes when it is back', async () => {
    const redis = await startRedis();
    const [a, b] = (await openCoordinationNodes(2, redis)) as [CoordinationNode, CoordinationNode];
    const [onA, onB] = await Promise.all([subscribe(a, 'x'), subscribe(b, 'x')]);
    expect([a.bus.maxWaitMs, b.isUp?.()]).toEqual([5_000, true]);
    for (let times = 0; times < 2; times++) {
      await redis.stop();
      await vi.waitFor(() => expect([a, b].map(({ bus }) => bus.maxWaitMs)).toEqual([1_000, 1_000]));
      onA.mockClear();
      a.bus.publish('x');
      await vi.waitFor(() => expect(onA).toHaveBeenCalled());
      onB.mockClear();
      await redis.start();
      await vi.waitFor(() => expect(onB).toHaveBeenCalled(), 5_000);
      await vi.waitFor(() => expect([a, b].every(({ isUp }) => isUp?.())).toBe(true), 5_000);
      onB.mockClear();
      await vi.waitFor(() => {
        a.bus.publish('x');
        expect(onB).toHaveBeenCalled();
      }, 5_000);
    }
  });
});
