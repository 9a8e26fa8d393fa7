import { describe, expect, it, vi } from 'vitest';
import { createFeed, mapFeed, type Push } from '../../src/domain/feed.ts';

/** A feed of numbers from 1 that produces them on demand, and records how many it has produced. */
function count(last: number) {
  const given: number[] = [];
  const stop = vi.fn();
  let isLeft = false;
  const feed = createFeed<number>(
    async (take) => {
      for (let n = 1; n <= last && !isLeft; n++) {
        given.push(n);
        const taken = take(n);
        if (taken !== undefined) await taken;
      }
    },
    () => {
      isLeft = true;
      stop();
    },
  );
  return { feed, given, stop };
}

/** A feed that yields one item, and then nothing until its reader leaves. */
function stall() {
  const left = Promise.withResolvers<void>();
  return createFeed<string>(async (take) => {
    await take('one');
    await left.promise;
  }, left.resolve);
}

const fail = () => createFeed<number>(() => Promise.reject(new Error('broken')), vi.fn());

describe('a feed', () => {
  it('produces each item on demand, and never ahead of the reader', async () => {
    const { feed, given } = count(3);
    expect(given).toEqual([]);
    expect(await feed.next()).toEqual({ done: false, value: 1 });
    expect(given).toEqual([1]);
    const remaining: number[] = [];
    for await (const n of feed) remaining.push(n);
    expect(remaining).toEqual([2, 3]);
    expect(await feed.next()).toEqual({ done: true, value: undefined });
  });

  it('answers several concurrent pulls in order, and all of them at the end', async () => {
    const { feed } = count(2);
    const steps = await Promise.all([feed.next(), feed.next(), feed.next(), feed.next()]);
    expect(steps.map(({ value }) => value)).toEqual([1, 2, undefined, undefined]);
  });

  it('pushes all items, each after the last is handled', async () => {
    const { feed, given } = count(3);
    const gates = [Promise.withResolvers<void>(), undefined, undefined];
    const taken: number[] = [];
    const done = feed.pushTo((n) => {
      taken.push(n);
      return gates[n - 1]?.promise;
    });
    await Promise.resolve();
    expect([taken, given]).toEqual([[1], [1]]);
    gates[0]?.resolve();
    await done;
    expect(taken).toEqual([1, 2, 3]);
  });

  it('resolves pending pulls when the reader leaves', async () => {
    const feed = stall();
    expect((await feed.next()).value).toBe('one');
    const waiting = feed.next();
    expect(await feed.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    const other = stall();
    const given = other.pushTo(() => undefined);
    await other.return();
    await given;
  });

  it('ends when its reader leaves during the production of an item', async () => {
    const production = Promise.withResolvers<void>();
    const feed = createFeed<string>(async (take) => {
      await take('one');
      await production.promise;
      await take('two');
    }, production.resolve);
    expect((await feed.next()).value).toBe('one');
    const waiting = feed.next();
    await feed.return();
    expect(await waiting).toEqual({ done: false, value: 'two' });
    const idle = createFeed<string>(async (take) => {
      await take('one');
      await take('two');
    }, vi.fn());
    await idle.next();
    await idle.return();
  });

  it('stops once, and produces nothing, when its reader leaves before the first item', async () => {
    const { feed, given, stop } = count(3);
    await feed.return();
    await feed.return();
    expect(await feed.next()).toEqual({ done: true, value: undefined });
    await feed.pushTo(vi.fn<Push<number>>());
    expect(given).toEqual([]);
    expect(stop).toHaveBeenCalledTimes(1);
  });

  it('reports an error to the pull or push once', async () => {
    const asked = fail();
    await expect(asked.next()).rejects.toThrow('broken');
    expect(await asked.next()).toEqual({ done: true, value: undefined });
    await expect(fail().pushTo(vi.fn<Push<number>>())).rejects.toThrow('broken');
    const { feed } = count(2);
    await expect(
      feed.pushTo(() => {
        throw new Error('full');
      }),
    ).rejects.toThrow('full');
  });

  it('throws what its reader throws into it, after it has stopped', async () => {
    const { feed, stop } = count(3);
    await feed.next();
    await expect(feed.throw(new Error('enough'))).rejects.toThrow('enough');
    expect(stop).toHaveBeenCalledTimes(1);
  });
});

describe('a mapped feed', () => {
  it('yields each mapped item in order, asynchronous ones too', async () => {
    const left = vi.fn();
    const mapped = mapFeed(count(3).feed, (n) => (n === 1 ? Promise.resolve('one') : String(n)), left);
    const items: string[] = [];
    for await (const text of mapped) items.push(text);
    expect(items).toEqual(['one', '2', '3']);
    expect(left).toHaveBeenCalledTimes(1);
  });

  it('leaves its source when its reader leaves, started or not', async () => {
    for (const asks of [0, 1]) {
      const left = vi.fn();
      const { feed, stop } = count(3);
      const mapped = mapFeed(feed, String, left);
      for (let i = 0; i < asks; i++) await mapped.next();
      await mapped.return();
      expect([left.mock.calls.length, stop.mock.calls.length]).toEqual([1, 1]);
    }
  });

  it('ends with the error of the mapping', async () => {
    const left = vi.fn();
    const mapped = mapFeed(
      count(3).feed,
      (): number => {
        throw new Error('cannot');
      },
      left,
    );
    await expect(mapped.next()).rejects.toThrow('cannot');
    expect(left).toHaveBeenCalledTimes(1);
  });
});
