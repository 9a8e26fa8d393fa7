import { expect, it } from 'vitest';
import { StorageUnavailableError } from '../../../src/domain/errors.ts';
import { createConcurrencyLimiter } from '../../../src/store/engines/concurrency-limiter.ts';

it('runs at most its maximum of tasks at a time and the others in order, even after a task has failed', async () => {
  const limiter = createConcurrencyLimiter(2, 1_000);
  const started: number[] = [];
  const results = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const all = results.map(({ promise }, n) =>
    limiter.run(() => {
      started.push(n);
      return promise;
    }),
  );
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  results[1]?.reject(new Error('no'));
  await expect(all[1]).rejects.toThrow('no');
  for (const n of [0, 2, 3, 4]) {
    results[n]?.resolve(n);
    expect(await all[n]).toBe(n);
  }
  expect(started).toEqual([0, 1, 2, 3, 4]);
});

it('rejects a task that waits too long, and never runs it', async () => {
  const limiter = createConcurrencyLimiter(1, 10);
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = limiter.run(() => promise);
  await expect(limiter.run(async () => 'late')).rejects.toBeInstanceOf(StorageUnavailableError);
  resolve();
  await first;
  expect(await limiter.run(async () => 'next')).toBe('next');
});
