import { describe, expect, it, vi } from 'vitest';
import { createFeed, mapFeed, type Push } from '../../src/domain/feed.ts';

/** Creates a feed of the numbers from 1 to `last`, and records which of them were produced. */
function createNumberFeed(last: number) {
  const produced: number[] = [];
  const stop = vi.fn();
  let consumerLeft = false;
  const feed = createFeed<number>(
    async (push) => {
      for (let n = 1; n <= last && !consumerLeft; n++) {
        produced.push(n);
        const handled = push(n);
        if (handled !== undefined) await handled;
      }
    },
    () => {
      consumerLeft = true;
      stop();
    },
  );
  return { feed, produced, stop };
}

/** Creates a feed that yields one item, and then nothing until its consumer leaves. */
function createStalledFeed() {
  const stopped = Promise.withResolvers<void>();
  return createFeed<string>(async (push) => {
    await push('one');
    await stopped.promise;
  }, stopped.resolve);
}

const createFailingFeed = () => createFeed<number>(() => Promise.reject(new Error('broken')), vi.fn());

describe('a feed', () => {
  it('produces each item on demand, and never ahead of its consumer', async () => {
    const { feed, produced } = createNumberFeed(3);
    expect(produced).toEqual([]);
    expect(await feed.next()).toEqual({ done: false, value: 1 });
    expect(produced).toEqual([1]);
    const remaining: number[] = [];
    for await (const n of feed) remaining.push(n);
    expect(remaining).toEqual([2, 3]);
    expect(await feed.next()).toEqual({ done: true, value: undefined });
  });

  it('resolves concurrent pulls in order, and when it ends, the pulls for which it has no item', async () => {
    const { feed } = createNumberFeed(2);
    const results = await Promise.all([feed.next(), feed.next(), feed.next(), feed.next()]);
    expect(results.map(({ value }) => value)).toEqual([1, 2, undefined, undefined]);
  });

  it('pushes each item only after the consumer has handled the previous one', async () => {
    const { feed, produced } = createNumberFeed(3);
    const gates = [Promise.withResolvers<void>(), undefined, undefined];
    const received: number[] = [];
    const done = feed.pushTo((n) => {
      received.push(n);
      return gates[n - 1]?.promise;
    });
    await Promise.resolve();
    expect([received, produced]).toEqual([[1], [1]]);
    gates[0]?.resolve();
    await done;
    expect(received).toEqual([1, 2, 3]);
  });

  it('resolves pending pulls when its consumer leaves', async () => {
    const feed = createStalledFeed();
    expect((await feed.next()).value).toBe('one');
    const pull = feed.next();
    expect(await feed.return()).toEqual({ done: true, value: undefined });
    expect(await pull).toEqual({ done: true, value: undefined });
    const secondFeed = createStalledFeed();
    const pushing = secondFeed.pushTo(() => undefined);
    await secondFeed.return();
    await pushing;
  });

  it('ends when its consumer leaves during the production of an item', async () => {
    const production = Promise.withResolvers<void>();
    const feed = createFeed<string>(async (push) => {
      await push('one');
      await production.promise;
      await push('two');
    }, production.resolve);
    expect((await feed.next()).value).toBe('one');
    const pull = feed.next();
    await feed.return();
    expect(await pull).toEqual({ done: false, value: 'two' });
    const idle = createFeed<string>(async (push) => {
      await push('one');
      await push('two');
    }, vi.fn());
    await idle.next();
    await idle.return();
  });

  it('stops once, and produces nothing, when its consumer leaves before the first item', async () => {
    const { feed, produced, stop } = createNumberFeed(3);
    await feed.return();
    await feed.return();
    expect(await feed.next()).toEqual({ done: true, value: undefined });
    await feed.pushTo(vi.fn<Push<number>>());
    expect(produced).toEqual([]);
    expect(stop).toHaveBeenCalledTimes(1);
  });

  it('reports an error once, to the pending pull or push', async () => {
    const failing = createFailingFeed();
    await expect(failing.next()).rejects.toThrow('broken');
    expect(await failing.next()).toEqual({ done: true, value: undefined });
    await expect(createFailingFeed().pushTo(vi.fn<Push<number>>())).rejects.toThrow('broken');
    const { feed } = createNumberFeed(2);
    await expect(
      feed.pushTo(() => {
        throw new Error('full');
      }),
    ).rejects.toThrow('full');
  });

  it('stops, then rethrows the error that its consumer throws into it', async () => {
    const { feed, stop } = createNumberFeed(3);
    await feed.next();
    await expect(feed.throw(new Error('enough'))).rejects.toThrow('enough');
    expect(stop).toHaveBeenCalledTimes(1);
  });
});

describe('a mapped feed', () => {
  it('yields the mapped items in order, even if the mapping is asynchronous', async () => {
    const onEnd = vi.fn();
    const mapped = mapFeed(createNumberFeed(3).feed, (n) => (n === 1 ? Promise.resolve('one') : String(n)), onEnd);
    const items: string[] = [];
    for await (const text of mapped) items.push(text);
    expect(items).toEqual(['one', '2', '3']);
    expect(onEnd).toHaveBeenCalledTimes(1);
  });

  it('stops its source when its consumer leaves, before or after the first item', async () => {
    for (const pullCount of [0, 1]) {
      const onEnd = vi.fn();
      const { feed, stop } = createNumberFeed(3);
      const mapped = mapFeed(feed, String, onEnd);
      for (let i = 0; i < pullCount; i++) await mapped.next();
      await mapped.return();
      expect([onEnd.mock.calls.length, stop.mock.calls.length]).toEqual([1, 1]);
    }
  });

  it('ends with the error that the mapping throws', async () => {
    const onEnd = vi.fn();
    const mapped = mapFeed(
      createNumberFeed(3).feed,
      (): number => {
        throw new Error('cannot');
      },
      onEnd,
    );
    await expect(mapped.next()).rejects.toThrow('cannot');
    expect(onEnd).toHaveBeenCalledTimes(1);
  });
});
