import { describe, expect, it, vi } from 'vitest';
import { createMemoryBus } from '../../src/coordination/live-bus.ts';
import { hasRedis, type Node, openNodes } from '../helpers/nodes.ts';

const VARIANTS = [
  { name: 'in memory', open: async () => createMemoryBus(), canRun: true, isShared: false },
  { name: 'over Redis', open: async () => ((await openNodes(1)) as [Node])[0].bus, canRun: hasRedis, isShared: true },
];

describe.each(VARIANTS)('the live bus $name', ({ open, canRun, isShared }) => {
  it.runIf(canRun)('wakes everybody who listens to the topic, and nobody else', async () => {
    const bus = await open();
    const [first, second, other] = [vi.fn(), vi.fn(), vi.fn()];
    bus.subscribe('a', first);
    bus.subscribe('a', second);
    bus.subscribe('b', other);
    // Who listens to other processes too is woken once when that begins.
    if (isShared) await vi.waitFor(() => expect(Math.min(...countCalls(first, second, other))).toBe(1));
    for (const listener of [first, second, other]) listener.mockClear();
    for (let count = 0; count < 100; count++) bus.publish('a');
    await vi.waitFor(() => expect(first).toHaveBeenCalled());
    expect(countCalls(first, second, other)).toEqual([1, 1, 0]);
  });

  it.runIf(canRun)('wakes for news that come while it wakes', async () => {
    const bus = await open();
    let left = 10;
    const listener = vi.fn(() => {
      if (--left > 0) bus.publish('a');
    });
    bus.subscribe('a', listener);
    bus.publish('a');
    await vi.waitFor(() => expect(left).toBeLessThanOrEqual(0));
  });

  it.runIf(canRun)('wakes nobody who has unsubscribed', async () => {
    const bus = await open();
    const [gone, stays] = [vi.fn(), vi.fn()];
    bus.subscribe('a', stays);
    const unsubscribe = bus.subscribe('a', gone);
    bus.publish('a');
    unsubscribe();
    unsubscribe();
    await vi.waitFor(() => expect(stays).toHaveBeenCalled());
    expect(gone).not.toHaveBeenCalled();
  });

  it.runIf(canRun)('counts who listens, and says how long to wait without a signal', async () => {
    const bus = await open();
    const leave = ['a', 'a', 'b'].map((topic) => bus.subscribe(topic, () => {}));
    expect(bus.size).toBe(3);
    for (const unsubscribe of [...leave, ...leave]) unsubscribe();
    expect(bus.size).toBe(0);
    expect([1_000, 5_000]).toContain(bus.patienceMs);
  });
});

const countCalls = (...listeners: ReturnType<typeof vi.fn>[]) => listeners.map(({ mock }) => mock.calls.length);
