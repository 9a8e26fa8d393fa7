import type { Logger } from 'pino';
import { createNotify } from './notify.ts';

/** The extent of a change: only the text of a reply in progress, or anything. */
export type ChangeHint = 'text' | 'anything';

/**
 * Wakes the listeners of a topic. A signal has no content and no guarantee: the listener reads the current state (a
 * running reply, the store) and uses what is new. So a signal that is lost, repeated or late does no harm. The hint
 * `text` only saves the listener a read of the store.
 */
export interface LiveBus {
  /** Signals a change of a topic. Cheap: any number of calls before the next flush wake the listeners once. */
  publish(topic: string, hint?: ChangeHint): void;
  /** Calls `listener` after each flush with a change of the topic, until the returned function is called. */
  subscribe(topic: string, listener: (hint: ChangeHint) => void): () => void;
  /**
   * How long a listener should wait for a signal, at most, before it reads anyway. So a lost signal only causes a
   * delay, and a listener notices by itself that its resource was deleted. A bus that notices lost signals itself has a
   * longer wait.
   */
  readonly maxWaitMs: number;
  /** The number of listeners; one that listens to several topics counts once. */
  readonly size: number;
}

/** The maximum wait of a listener that cannot rely on signals alone. */
export const POLL_INTERVAL_MS = 1_000;

const MAX_PAUSE_MS = 50;

/**
 * Creates a bus within one process that adapts its flushes to the load. Signals collect until the event loop's next
 * turn, then each changed topic is delivered once; a flush of X ms is followed by a pause of X ms (at most 50). So a
 * delta goes out at once under low load, and under high load events become fewer and larger instead of late.
 * @param logger logs the first error of each throwing listener; absent: no logs.
 */
export function createMemoryBus(logger?: Pick<Logger, 'error'>): LiveBus {
  const notify = createNotify(logger);
  const topics = new Map<string, Set<(hint: ChangeHint) => void>>();
  const dirty = new Map<string, ChangeHint>();
  let isScheduled = false;
  let pauseUntil = 0;

  function schedule(): void {
    if (isScheduled || dirty.size === 0) return;
    isScheduled = true;
    const pause = pauseUntil - performance.now();
    if (pause > 1) setTimeout(flush, pause);
    else setImmediate(flush);
  }

  function flush(): void {
    const startedAt = performance.now();
    const signals = [...dirty];
    dirty.clear();
    for (const [topic, hint] of signals) {
      const listeners = topics.get(topic) ?? new Set();
      // A listener may unsubscribe another during the call.
      for (const listener of [...listeners]) if (listeners.has(listener)) notify(listener, hint);
    }
    // The work that the listeners started (execution, serialization, socket writes) ends by the next turn of the event
    // loop. It counts as part of the flush.
    setImmediate(() => {
      const now = performance.now();
      pauseUntil = now + Math.min(now - startedAt, MAX_PAUSE_MS);
      isScheduled = false;
      schedule();
    });
  }

  return {
    publish(topic, hint = 'anything') {
      if (!topics.has(topic)) return;
      if (dirty.get(topic) !== 'anything') dirty.set(topic, hint);
      schedule();
    },

    subscribe(topic, listener) {
      const listeners = topics.get(topic) ?? new Set();
      topics.set(topic, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && topics.get(topic) === listeners) topics.delete(topic);
      };
    },

    maxWaitMs: POLL_INTERVAL_MS,

    get size() {
      return new Set([...topics.values()].flatMap((listeners) => [...listeners])).size;
    },
  };
}
