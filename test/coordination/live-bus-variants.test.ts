import { describe, expect, it, vi } from 'vitest';
import { createMemoryBus } from '../../src/coordination/live-bus.ts';
import { type CoordinationNode, hasRedis, openCoordinationNodes } from '../helpers/nodes.ts';

const logs: unknown[] = [];
const logger = { error: (_fields: unknown, msg?: string) => void logs.push(msg) };
const openOverRedis = async () => {
  const [node] = (await openCoordinationNodes(1)) as [CoordinationNode];
  return { bus: node.bus, messages: () => node.logs.map(({ msg }) => msg) };
};
const VARIANTS = [
  {
    name: 'in memory',
    openWithLogs: async () => ({ bus: createMemoryBus(logger as never), messages: () => logs }),
    canRun: true,
    isShared: false,
  },
  { name: 'over Redis', openWithLogs: openOverRedis, canRun: hasRedis, isShared: true },
].map((variant) => ({ ...variant, open: async () => (await variant.openWithLogs()).bus }));

describe.each(VARIANTS)('the live bus $name', ({ open, openWithLogs, canRun, isShared }) => {
  it.runIf(canRun)('wakes all listeners of the topic, and no others', async () => {
    const bus = await open();
    const [first, second, other] = [vi.fn(), vi.fn(), vi.fn()];
    bus.subscribe('a', first);
    bus.subscribe('a', second);
    bus.subscribe('b', other);
    // The bus over Redis wakes each new listener once when its subscription starts.
    if (isShared) await vi.waitFor(() => expect(Math.min(...countCalls(first, second, other))).toBe(1));
    for (const listener of [first, second, other]) listener.mockClear();
    for (let count = 0; count < 100; count++) bus.publish('a');
    await vi.waitFor(() => expect(first).toHaveBeenCalled());
    expect(countCalls(first, second, other)).toEqual([1, 1, 0]);
  });

  it.runIf(canRun)('wakes again for signals that arrive during a delivery', async () => {
    const bus = await open();
    let remaining = 10;
    const listener = vi.fn(() => {
      if (--remaining > 0) bus.publish('a');
    });
    bus.subscribe('a', listener);
    bus.publish('a');
    await vi.waitFor(() => expect(remaining).toBeLessThanOrEqual(0));
  });

  it.runIf(canRun)('continues when a listener throws, and logs the error once', async () => {
    const { bus, messages } = await openWithLogs();
    const failing = vi.fn(() => {
      throw new Error('This listener fails.');
    });
    const [before, after, other] = [vi.fn(), vi.fn(), vi.fn()];
    for (const listener of [before, failing, after]) bus.subscribe('a', listener);
    bus.subscribe('b', other);
    for (let round = 1; round <= 3; round++) {
      for (const listener of [before, failing, after, other]) listener.mockClear();
      bus.publish('a');
      bus.publish('b');
      await vi.waitFor(() => expect(Math.min(...countCalls(before, failing, after, other))).toBeGreaterThan(0));
    }
    expect(messages()).toEqual(['a listener failed; continuing']);
  });

  it.runIf(canRun)('does not wake an unsubscribed listener', async () => {
    const bus = await open();
    const [unsubscribed, subscribed] = [vi.fn(), vi.fn()];
    bus.subscribe('a', subscribed);
    const unsubscribe = bus.subscribe('a', unsubscribed);
    bus.publish('a');
    unsubscribe();
    unsubscribe();
    await vi.waitFor(() => expect(subscribed).toHaveBeenCalled());
    expect(unsubscribed).not.toHaveBeenCalled();
  });

  it.runIf(canRun)('counts its listeners, and reports the longest time to wait for a signal', async () => {
    const bus = await open();
    const unsubscribes = ['a', 'a', 'b'].map((topic) => bus.subscribe(topic, () => {}));
    expect(bus.size).toBe(3);
    for (const unsubscribe of [...unsubscribes, ...unsubscribes]) unsubscribe();
    expect(bus.size).toBe(0);
    expect([1_000, 5_000]).toContain(bus.maxWaitMs);
  });
});

const countCalls = (...listeners: ReturnType<typeof vi.fn>[]) => listeners.map(({ mock }) => mock.calls.length);
