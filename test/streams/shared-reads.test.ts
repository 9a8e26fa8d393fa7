import { describe, expect, it, vi } from 'vitest';
import { createMemoryBus } from '../../src/coordination/live-bus.ts';
import { joinSharedReads } from '../../src/streams/shared-reads.ts';

const nextEventLoopTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Two readers of one topic, by default with the same rights, and a read that returns how often it was called. */
function joinTwoReaders(views: readonly [string, string] = ['topic account READ', 'topic account READ']) {
  const bus = createMemoryBus();
  let count = 0;
  const read = vi.fn(async () => ++count);
  return { bus, read, readers: [joinSharedReads(bus, views[0]), joinSharedReads(bus, views[1])] as const };
}

describe('shared reads', () => {
  it('return one result for the same key in the same turn of the event loop', async () => {
    const { read, readers } = joinTwoReaders();
    expect(await Promise.all(readers.map((reader) => reader.read(() => 'a', read)))).toEqual([1, 1]);
    expect(await readers[0].read(() => 'a', read)).toBe(1);
  });

  it('return different results for different keys', async () => {
    const { read, readers } = joinTwoReaders();
    expect(await Promise.all([readers[0].read(() => 'a', read), readers[1].read(() => 'b', read)])).toEqual([1, 2]);
  });

  it('are not shared by readers with different rights', async () => {
    const { read, readers } = joinTwoReaders(['topic account READ', 'topic account MANAGE,READ']);
    expect(await Promise.all(readers.map((reader) => reader.read(() => 'a', read)))).toEqual([1, 2]);
  });

  it('are repeated after a change, even for a reader that has already read in this turn', async () => {
    const { read, readers } = joinTwoReaders();
    expect(await readers[0].read(() => 'a', read)).toBe(1);
    readers[1].invalidate();
    expect(await readers[0].read(() => 'a', read)).toBe(2);
    expect(await readers[1].read(() => 'a', read)).toBe(2);
  });

  it('are repeated in the next turn, with or without a change', async () => {
    const { read, readers } = joinTwoReaders();
    expect(await readers[0].read(() => 'a', read)).toBe(1);
    await nextEventLoopTurn();
    expect(await readers[1].read(() => 'a', read)).toBe(2);
  });

  it('give a new reader no result from before it joined', async () => {
    const { bus, read, readers } = joinTwoReaders();
    expect(await readers[0].read(() => 'a', read)).toBe(1);
    expect(await joinSharedReads(bus, 'topic account READ').read(() => 'a', read)).toBe(2);
  });

  it('fail for all their readers, and are then retried', async () => {
    const { readers } = joinTwoReaders();
    const fail = () => Promise.reject(new Error('unreadable'));
    const results = await Promise.allSettled(readers.map((reader) => reader.read(() => 'a', fail)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await nextEventLoopTurn();
    expect(
      await readers[0].read(
        () => 'a',
        async () => 'whole',
      ),
    ).toBe('whole');
  });
});
