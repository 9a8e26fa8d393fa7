import type { FailureLog } from './failures.ts';

/** Work that outlives its request. Every promise that no caller awaits runs here, so that shutdown waits for it. */
export interface Background {
  /** Starts `task`; if it throws, logs the error together with `name`. `signal` aborts when draining takes too long. */
  run(name: string, task: (signal: AbortSignal) => Promise<void>): void;
  /** Waits for all tasks; after `graceMs` it aborts them and waits for them to end. */
  drain(graceMs: number): Promise<void>;
  /** Whether draining has started: a task should then finish its current step, and start no work that can wait. */
  readonly isDraining: boolean;
  readonly size: number;
}

/** Creates the tracker of background work. */
export function createBackground(failures: FailureLog): Background {
  const running = new Set<Promise<void>>();
  const abort = new AbortController();
  let isDraining = false;

  return {
    run(name, task) {
      const promise = task(abort.signal)
        .catch((error: unknown) => failures.log(error, { task: name }, 'background task failed'))
        .finally(() => running.delete(promise));
      running.add(promise);
    },

    async drain(graceMs) {
      isDraining = true;
      const timer = setTimeout(() => abort.abort(new Error('shutting down')), graceMs);
      while (running.size > 0) await Promise.all(running);
      clearTimeout(timer);
    },

    get isDraining() {
      return isDraining;
    },

    get size() {
      return running.size;
    },
  };
}
