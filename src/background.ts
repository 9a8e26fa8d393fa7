import type { Logger } from 'pino';

/** Work that outlives the request that began it. Every promise that nobody awaits is run here, so that it can be drained. */
export interface Background {
  /** Starts `task`; what it throws is logged under `name`. `signal` aborts when draining has taken too long. */
  run(name: string, task: (signal: AbortSignal) => Promise<void>): void;
  /** Waits for all tasks; after `graceMs` aborts them and waits for what they do then. */
  drain(graceMs: number): Promise<void>;
  /** Whether draining has begun: a task should finish what it is at, and begin nothing that can wait. */
  readonly isDraining: boolean;
  readonly size: number;
}

/** Makes the tracker of background work. */
export function createBackground(logger: Logger): Background {
  const running = new Set<Promise<void>>();
  const abort = new AbortController();
  let isDraining = false;

  return {
    run(name, task) {
      const promise = task(abort.signal)
        .catch((error: unknown) => logger.error({ err: error, task: name }, 'background task failed'))
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
