import { expect, it } from 'vitest';
import { StorageUnavailableError } from '../../../src/domain/errors.ts';
import { createGate } from '../../../src/store/engines/gate.ts';

it('runs as many tasks at a time as its width, the others in order, also after a failed task', async () => {
  const gate = createGate(2, 1_000);
  const started: number[] = [];
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const all = ends.map(({ promise }, n) =>
    gate.run(() => {
      started.push(n);
      return promise;
    }),
  );
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  ends[1]?.reject(new Error('no'));
  await expect(all[1]).rejects.toThrow('no');
  for (const n of [0, 2, 3, 4]) {
    ends[n]?.resolve(n);
    expect(await all[n]).toBe(n);
  }
  expect(started).toEqual([0, 1, 2, 3, 4]);
});

it('rejects tasks that have waited too long, and never runs them', async () => {
  const gate = createGate(1, 10);
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = gate.run(() => promise);
  await expect(gate.run(async () => 'late')).rejects.toBeInstanceOf(StorageUnavailableError);
  resolve();
  await first;
  expect(await gate.run(async () => 'next')).toBe('next');
});
