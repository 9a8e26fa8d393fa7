import { StorageUnavailableError } from '../../domain/errors.ts';

/** Limits the number of tasks that run at the same time. Tasks start in the order of the calls. */
export interface ConcurrencyLimiter {
  /**
   * Runs `task` when a slot is free.
   * @throws StorageUnavailableError when the wait exceeds the limiter's maximum.
   */
  run<T>(task: () => Promise<T>): Promise<T>;
}

/** Creates a limiter for `maxConcurrent` tasks at a time. */
export function createConcurrencyLimiter(maxConcurrent: number, maxWaitMs: number): ConcurrencyLimiter {
  let freeSlots = maxConcurrent;
  const waiting = new Set<() => void>();

  async function acquireSlot(): Promise<void> {
    if (freeSlots > 0) {
      freeSlots--;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.add(resolve);
    const timer = setTimeout(() => {
      waiting.delete(resolve);
      reject(new StorageUnavailableError({ cause: new Error('The queue wait timed out.'), logLevel: 'warn' }));
    }, maxWaitMs).unref();
    await promise.finally(() => clearTimeout(timer));
  }

  function releaseSlot(): void {
    const [next] = waiting;
    if (next === undefined) freeSlots++;
    else {
      waiting.delete(next);
      next();
    }
  }

  return {
    async run(task) {
      await acquireSlot();
      try {
        return await task();
      } finally {
        releaseSlot();
      }
    },
  };
}
