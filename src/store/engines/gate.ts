import { StorageUnavailableError } from '../../domain/errors.ts';

/** Runs a few tasks at a time, first come, first served. */
export interface Gate {
  /**
   * Runs `task` when a slot is free.
   * @throws StorageUnavailableError when the wait exceeds the gate's maximum.
   */
  run<T>(task: () => Promise<T>): Promise<T>;
}

/** Creates a gate for `width` tasks at a time. */
export function createGate(width: number, maxWaitMs: number): Gate {
  let freeSlots = width;
  const waiting = new Set<() => void>();

  async function enter(): Promise<void> {
    if (freeSlots > 0) {
      freeSlots--;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.add(resolve);
    const timer = setTimeout(() => {
      waiting.delete(resolve);
      reject(new StorageUnavailableError({ cause: new Error('Too many others were waiting.'), logLevel: 'warn' }));
    }, maxWaitMs).unref();
    await promise.finally(() => clearTimeout(timer));
  }

  function leave(): void {
    const [next] = waiting;
    if (next === undefined) freeSlots++;
    else {
      waiting.delete(next);
      next();
    }
  }

  return {
    async run(task) {
      await enter();
      try {
        return await task();
      } finally {
        leave();
      }
    },
  };
}
