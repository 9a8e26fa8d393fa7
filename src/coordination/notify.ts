import type { Logger } from 'pino';

/** Calls a listener with a value; catches whatever the listener throws. */
export type Notify = <T>(listener: (value: T) => void, value: T) => void;

/**
 * Creates a function that calls listeners: a listener that throws stops neither the other listeners nor the caller. The
 * function logs only the first error of each listener, and still calls the listener afterwards.
 */
export function createNotify(logger: Pick<Logger, 'error'> | undefined): Notify {
  const failed = new WeakSet<object>();
  return (listener, value) => {
    try {
      listener(value);
    } catch (err) {
      if (failed.has(listener)) return;
      failed.add(listener);
      logger?.error({ err }, 'a listener failed; continuing');
    }
  };
}
