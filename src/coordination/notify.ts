import type { Logger } from 'pino';

/** Calls a listener with a value, and returns whatever the listener does. */
export type Notify = <T>(listener: (value: T) => void, value: T) => void;

/**
 * Makes a function that calls listeners: one that throws stops neither the other listeners nor what follows the call. It is
 * logged at its first failure, and called again all the same.
 */
export function createNotify(logger: Pick<Logger, 'error'> | undefined): Notify {
  const failed = new WeakSet<object>();
  return (listener, value) => {
    try {
      listener(value);
    } catch (err) {
      if (failed.has(listener)) return;
      failed.add(listener);
      logger?.error({ err }, 'a listener failed; going on');
    }
  };
}
