import { describe, expect, it, vi } from 'vitest';
import { createMemoryBus } from '../../src/coordination/live-bus.ts';
import { joinSharedReads } from '../../src/streams/shared-reads.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Two readers of one topic with the same rights, and a read that returns how often it was called. */
function openAudience(views: readonly [string, string] = ['topic account READ', 'topic account READ']) {
  const bus = createMemoryBus();
  let count = 0;
  const read = vi.fn(async () => ++count);
  return { bus, read, seats: [joinSharedReads(bus, views[0]), joinSharedReads(bus, views[1])] as const };
}

describe('shared reads', () => {
  it('return one result for the same key in the same turn', async () => {
    const { read, seats } = openAudience();
    expect(await Promise.all(seats.map((seat) => seat.read(() => 'a', read)))).toEqual([1, 1]);
    expect(await seats[0].read(() => 'a', read)).toBe(1);
  });

  it('return different results for different keys', async () => {
    const { read, seats } = openAudience();
    expect(await Promise.all([seats[0].read(() => 'a', read), seats[1].read(() => 'b', read)])).toEqual([1, 2]);
  });

  it('are not shared by readers with different rights', async () => {
    const { read, seats } = openAudience(['topic account READ', 'topic account MANAGE,READ']);
    expect(await Promise.all(seats.map((seat) => seat.read(() => 'a', read)))).toEqual([1, 2]);
  });

  it('are repeated after a change, also for a reader that has read in this turn', async () => {
    const { read, seats } = openAudience();
    expect(await seats[0].read(() => 'a', read)).toBe(1);
    seats[1].invalidate();
    expect(await seats[0].read(() => 'a', read)).toBe(2);
    expect(await seats[1].read(() => 'a', read)).toBe(2);
  });

  it('are repeated in the next turn, with or without a change', async () => {
    const { read, seats } = openAudience();
    expect(await seats[0].read(() => 'a', read)).toBe(1);
    await nextTurn();
    expect(await seats[1].read(() => 'a', read)).toBe(2);
  });

  it('give a new reader no result from before it joined', async () => {
    const { bus, read, seats } = openAudience();
    expect(await seats[0].read(() => 'a', read)).toBe(1);
    expect(await joinSharedReads(bus, 'topic account READ').read(() => 'a', read)).toBe(2);
  });

  it('fail for all their readers, and are then retried', async () => {
    const { seats } = openAudience();
    const fail = () => Promise.reject(new Error('unreadable'));
    const results = await Promise.allSettled(seats.map((seat) => seat.read(() => 'a', fail)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await nextTurn();
    expect(
      await seats[0].read(
        () => 'a',
        async () => 'whole',
      ),
    ).toBe('whole');
  });
});
