import type { LiveBus } from '../coordination/live-bus.ts';
import type { MaybePromise } from '../domain/feed.ts';

/** A subscription's access to the reads that it shares with the other subscriptions of its group. */
export interface SharedRead {
  /** Calls `read`, or returns the result of another subscription that has just read with the same key. */
  read<T>(key: () => string, read: () => MaybePromise<T>): MaybePromise<T>;
  /** Discards all shared results, because something has changed since they were read. */
  invalidate(): void;
  /** Removes the subscription from its group. */
  leave(): void;
}

/** The subscriptions to one stream that have the same rights. */
interface SubscriptionGroup {
  size: number;
  /** The results, by key, of the current iteration of the event loop, without those that a change has made stale. */
  readonly results: Map<string, { readonly sequence: number; readonly result: unknown }>;
}

const groups = new WeakMap<LiveBus, Map<string, SubscriptionGroup>>();
/** Numbers the joins and the reads in the order in which they happen. */
let lastSequence = 0;

/**
 * Adds a subscription to its group. The subscription must listen for changes from the moment it joins. It shares only
 * results that were read after that moment: if such a result lacks a change, the bus signals the change to every
 * subscription that shares the result.
 * @param view identifies the stream and the data that the subscriber may see.
 */
export function joinSharedReads(bus: LiveBus, view: string): SharedRead {
  const groupsOfBus = groups.get(bus) ?? new Map<string, SubscriptionGroup>();
  groups.set(bus, groupsOfBus);
  const group = groupsOfBus.get(view) ?? { size: 0, results: new Map() };
  groupsOfBus.set(view, group);
  group.size++;
  const joinedAtSequence = ++lastSequence;

  return {
    read<T>(createKey: () => string, read: () => MaybePromise<T>): MaybePromise<T> {
      if (group.size === 1) return read();
      const key = createKey();
      const shared = group.results.get(key);
      if (shared !== undefined && shared.sequence > joinedAtSequence) return shared.result as MaybePromise<T>;
      if (group.results.size === 0) setImmediate(() => group.results.clear());
      const result = read();
      group.results.set(key, { sequence: ++lastSequence, result });
      return result;
    },

    invalidate: () => group.results.clear(),

    leave() {
      group.size--;
      if (group.size === 0) groupsOfBus.delete(view);
    },
  };
}
