import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMemoryBus } from '../../src/coordination/live-bus.ts';

describe('the live bus', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate'] });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it('wakes a listener once for all signals of one event loop turn, at the end of the turn', () => {
    const bus = createMemoryBus();
    const listener = vi.fn();
    bus.subscribe('a', listener);
    for (let count = 0; count < 100; count++) bus.publish('a');
    expect(listener).not.toHaveBeenCalled();
    vi.runAllTimers();
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it('wakes all listeners of the topic, and no others', () => {
    const bus = createMemoryBus();
    const [first, second, other] = [vi.fn(), vi.fn(), vi.fn()];
    bus.subscribe('a', first);
    bus.subscribe('a', second);
    bus.subscribe('b', other);
    bus.publish('a');
    vi.runAllTimers();
    expect(first).toHaveBeenCalledTimes(1);
    expect(second).toHaveBeenCalledTimes(1);
    expect(other).not.toHaveBeenCalled();
  });

  it('wakes again for signals that arrive during a delivery', () => {
    const bus = createMemoryBus();
    let remaining = 3;
    const listener = vi.fn(() => {
      if (--remaining > 0) bus.publish('a');
    });
    bus.subscribe('a', listener);
    bus.publish('a');
    vi.runAllTimers();
    expect(listener).toHaveBeenCalledTimes(3);
  });

  it('does not wake a listener that unsubscribes between the signal and its delivery', () => {
    const bus = createMemoryBus();
    const listener = vi.fn();
    const unsubscribe = bus.subscribe('a', listener);
    bus.publish('a');
    unsubscribe();
    vi.runAllTimers();
    expect(listener).not.toHaveBeenCalled();
  });

  it('does not wake a listener that another listener has unsubscribed in the same delivery', () => {
    const bus = createMemoryBus();
    const listener = vi.fn();
    bus.subscribe('a', () => unsubscribe());
    const unsubscribe = bus.subscribe('a', listener);
    bus.publish('a');
    vi.runAllTimers();
    expect(listener).not.toHaveBeenCalled();
  });

  it('ignores a second unsubscribe', () => {
    const bus = createMemoryBus();
    const listener = vi.fn();
    const unsubscribe = bus.subscribe('a', vi.fn());
    unsubscribe();
    bus.subscribe('a', listener);
    unsubscribe();
    bus.publish('a');
    vi.runAllTimers();
    expect(listener).toHaveBeenCalledTimes(1);
    expect(bus.size).toBe(1);
  });

  it('ignores a topic without listeners', () => {
    const bus = createMemoryBus();
    bus.subscribe('b', vi.fn())();
    bus.publish('a');
    bus.publish('b');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts its listeners', () => {
    const bus = createMemoryBus();
    const unsubscribes = ['a', 'a', 'b'].map((topic) => bus.subscribe(topic, () => {}));
    expect(bus.size).toBe(3);
    unsubscribes[0]?.();
    expect(bus.size).toBe(2);
    for (const unsubscribe of unsubscribes) unsubscribe();
    expect(bus.size).toBe(0);
  });

  it.each([
    { takesMs: 0, pauseMs: 0 },
    { takesMs: 10, pauseMs: 10 },
    { takesMs: 200, pauseMs: 50 },
  ])('pauses for $pauseMs ms after a delivery that took $takesMs ms', ({ takesMs, pauseMs }) => {
    const loop = createFakeEventLoop();
    const bus = createMemoryBus();
    const deliveries: number[] = [];
    bus.subscribe('a', () => {
      deliveries.push(loop.now());
      loop.work(takesMs);
      bus.publish('a');
    });
    bus.publish('a');
    while (deliveries.length < 20) loop.runNextTask();
    const gaps = deliveries.slice(1).map((at, index) => at - (deliveries[index] ?? 0));
    expect(new Set(gaps)).toEqual(new Set([takesMs + pauseMs]));
  });

  it('counts the work that its listeners start as part of the delivery', () => {
    const loop = createFakeEventLoop();
    const bus = createMemoryBus();
    const deliveries: number[] = [];
    bus.subscribe('a', () => {
      deliveries.push(loop.now());
      setImmediate(() => loop.work(30));
      bus.publish('a');
    });
    bus.publish('a');
    while (deliveries.length < 3) loop.runNextTask();
    expect(deliveries).toEqual([0, 60, 120]);
  });
});

/** A fake event loop. Its time advances only when it waits for a task and when a task works. */
function createFakeEventLoop() {
  const queue: { at: number; run: () => void }[] = [];
  let time = 0;
  const add = (run: () => void, ms = 0) => void queue.push({ at: time + ms, run });
  vi.stubGlobal('setTimeout', add);
  vi.stubGlobal('setImmediate', (run: () => void) => add(run));
  vi.spyOn(performance, 'now').mockImplementation(() => time);
  return {
    now: () => time,
    /** Blocks the loop for some time. */
    work(ms: number): void {
      time += ms;
    },
    /** Runs the next due task. */
    runNextTask(): void {
      queue.sort((a, b) => a.at - b.at);
      const next = queue.shift();
      time = Math.max(time, next?.at ?? time);
      next?.run();
    },
  };
}
