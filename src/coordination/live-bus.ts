import type { Logger } from 'pino';
import { createNotify } from './notify.ts';

/** What may have changed: no more than the text that is being written, or anything. */
export type ChangeHint = 'text' | 'anything';

/**
 * Wakes those who wait for news of a topic. It carries no content and promises nothing: whoever is woken looks at the
 * truth (a running answer, the store) and takes what is new to it, so a signal that is lost, repeated or late does no
 * harm. That there is no more than text to look for only saves a look.
 */
export interface LiveBus {
  /** Says that a topic has news. Cheap: any number of calls before the next flush wake its listeners once. */
  publish(topic: string, news?: ChangeHint): void;
  /** Calls `listener` after each flush with news of the topic, until the returned function is called. */
  subscribe(topic: string, listener: (news: ChangeHint) => void): () => void;
  /**
   * How long who listens should wait at most before it looks by itself: what makes a lost signal a delay and nothing worse,
   * and ends what follows something that was deleted. It is longer where signals are not lost unnoticed.
   */
  readonly maxWaitMs: number;
  /** How many listeners there are; one that listens to several topics is one. */
  readonly size: number;
}

/** The patience of who cannot rely on signals alone. */
export const POLL_INTERVAL_MS = 1_000;

const MAX_PAUSE_MS = 50;

/**
 * Makes a bus within one process with a flush that regulates itself. News gathers until the event loop's next turn,
 * then every dirty topic is delivered once; a flush that took X ms is followed by a pause of X ms (at most 50). So a
 * token goes out at once while there is little to do, and under load events become fewer and larger instead of late.
 * @param logger told of listeners that throw, each once; absent: nobody.
 */
export function createMemoryBus(logger?: Pick<Logger, 'error'>): LiveBus {
  const notify = createNotify(logger);
  const topics = new Map<string, Set<(news: ChangeHint) => void>>();
  const dirty = new Map<string, ChangeHint>();
  let isScheduled = false;
  let restUntil = 0;

  function schedule(): void {
    if (isScheduled || dirty.size === 0) return;
    isScheduled = true;
    const pause = restUntil - performance.now();
    if (pause > 1) setTimeout(flush, pause);
    else setImmediate(flush);
  }

  function flush(): void {
    const startedAt = performance.now();
    const signals = [...dirty];
    dirty.clear();
    for (const [topic, news] of signals) {
      const listeners = topics.get(topic) ?? new Set();
      // One may unsubscribe another while it is called.
      for (const listener of [...listeners]) if (listeners.has(listener)) notify(listener, news);
    }
    // What the listeners set going (execution, serialisation, socket writes) is done by the next turn; it counts.
    setImmediate(() => {
      const now = performance.now();
      restUntil = now + Math.min(now - startedAt, MAX_PAUSE_MS);
      isScheduled = false;
      schedule();
    });
  }

  return {
    publish(topic, news = 'anything') {
      if (!topics.has(topic)) return;
      if (dirty.get(topic) !== 'anything') dirty.set(topic, news);
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
