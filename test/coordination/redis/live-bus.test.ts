import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChannels } from '../../../src/coordination/redis/channels.ts';
import { createCommandBatcher } from '../../../src/coordination/redis/command-batcher.ts';
import { openRedis } from '../../../src/coordination/redis/link.ts';
import { createRedisBus } from '../../../src/coordination/redis/live-bus.ts';
import { hasRedis, type Node, openClient, openNodes, startRedis } from '../../helpers/nodes.ts';
import { createPrefix } from '../../helpers/redis.ts';
import { TEST_REDIS_URL } from '../../helpers/servers.ts';

/** Subscribes to a topic, and resolves when signals from other nodes arrive. */
async function listen({ bus }: Node, topic: string) {
  const listener = vi.fn();
  const leave = bus.subscribe(topic, listener);
  // The listener is woken once when the subscription starts.
  await vi.waitFor(() => expect(listener).toHaveBeenCalled());
  listener.mockClear();
  return Object.assign(listener, { leave });
}

describe.runIf(hasRedis)('buses that share a Redis', () => {
  it('wake the listeners on other nodes, and none of other topics', async () => {
    const [a, b, c] = (await openNodes(3)) as [Node, Node, Node];
    const [onA, onB, onC] = await Promise.all([listen(a, 'x'), listen(b, 'x'), listen(c, 'y')]);
    a.bus.publish('x');
    await vi.waitFor(() => expect([onA, onB].map((listener) => listener.mock.calls.length)).toEqual([1, 1]));
    c.bus.publish('x');
    await vi.waitFor(() => expect([onA, onB].map((listener) => listener.mock.calls.length)).toEqual([2, 2]));
    expect(onC).not.toHaveBeenCalled();
  });

  it('combine all signals of a short time into one', async () => {
    const prefix = createPrefix();
    const [a, b] = (await openNodes(2, { prefix })) as [Node, Node];
    const onB = await listen(b, 'x');
    for (let count = 0; count < 1_000; count++) a.bus.publish('x');
    await vi.waitFor(() => expect(onB).toHaveBeenCalled());
    a.bus.publish('x');
    await vi.waitFor(() => expect(onB).toHaveBeenCalledTimes(2));
  });

  it('continue when Redis refuses a whole batch, and log it once', async () => {
    const prefix = createPrefix();
    const [b] = (await openNodes(1, { prefix })) as [Node];
    const onB = await listen(b, 'x');
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

  it('subscribe only to topics with listeners, and unsubscribe soon after the last leaves', async () => {
    const prefix = createPrefix();
    const [a] = (await openNodes(1, { prefix })) as [Node];
    const client = openClient();
    const channels = async () => (await client.pubsub('CHANNELS', `${prefix}news:*`)) as string[];
    const [first, second] = await Promise.all([listen(a, 'x'), listen(a, 'y')]);
    const again = a.bus.subscribe('x', () => {});
    expect((await channels()).sort()).toEqual([`${prefix}news:x`, `${prefix}news:y`]);
    first.leave();
    second.leave();
    await vi.waitFor(async () => expect(await channels()).toEqual([`${prefix}news:x`]), 5_000);
    again();
    await vi.waitFor(async () => expect(await channels()).toEqual([]), 5_000);
  });

  it('separate installations by their prefixes', async () => {
    const [[a], [b]] = (await Promise.all([openNodes(1), openNodes(1)])) as [[Node], [Node]];
    const [onA, onB] = await Promise.all([listen(a, 'x'), listen(b, 'x')]);
    a.bus.publish('x');
    await vi.waitFor(() => expect(onA).toHaveBeenCalled());
    b.bus.publish('y');
    expect(onB).not.toHaveBeenCalled();
  });

  it('wake all listeners once after a lost connection, because signals may be missed', async () => {
    const redis = await startRedis();
    const [b] = (await openNodes(1, redis)) as [Node];
    const [onX, onY] = await Promise.all([listen(b, 'x'), listen(b, 'y')]);
    await openClient(redis.url).call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await vi.waitFor(() => expect(b.logs.map(({ msg }) => msg)).toContain('Redis is available again'), 5_000);
    for (const listener of [onX, onY]) await vi.waitFor(() => expect(listener).toHaveBeenCalled());
  });

  it('work within each process without Redis, and across processes when it is back', async () => {
    const redis = await startRedis();
    const [a, b] = (await openNodes(2, redis)) as [Node, Node];
    const [onA, onB] = await Promise.all([listen(a, 'x'), listen(b, 'x')]);
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
