import type { LiveBus } from '../coordination/live-bus.ts';
import type { MaybePromise } from '../domain/feed.ts';

/** A subscription's access to the reads that it shares with subscriptions to the same stream with the same rights. */
export interface SharedRead {
  /** Calls `read`, or returns the result of another subscription that has just read with the same key. */
  read<T>(key: () => string, read: () => MaybePromise<T>): MaybePromise<T>;
  /** Discards all shared results, because something has changed since they were read. */
  invalidate(): void;
  leave(): void;
}

/** The subscriptions to one stream that have the same rights. */
interface SubscriptionGroup {
  size: number;
  /** The results of the current iteration of the event loop that no change has made stale, by key. */
  readonly results: Map<string, { readonly order: number; readonly content: unknown }>;
}

const groups = new WeakMap<LiveBus, Map<string, SubscriptionGroup>>();
let lastOrder = 0;

/**
 * Adds a subscription to its group. The subscription must listen for changes from the moment it joins. It shares only
 * results that were read after that: if such a result lacks a change, the bus signals the change to every subscription
 * that shares the result.
 * @param view identifies the stream and what the subscriber may see of it.
 */
export function joinSharedReads(bus: LiveBus, view: string): SharedRead {
  const groupsOfBus = groups.get(bus) ?? new Map<string, SubscriptionGroup>();
  groups.set(bus, groupsOfBus);
  const group = groupsOfBus.get(view) ?? { size: 0, results: new Map() };
  groupsOfBus.set(view, group);
  group.size++;
  const joinedAt = ++lastOrder;

  return {
    read<T>(createKey: () => string, read: () => MaybePromise<T>): MaybePromise<T> {
      if (group.size === 1) return read();
      const key = createKey();
      const shared = group.results.get(key);
      if (shared !== undefined && shared.order > joinedAt) return shared.content as MaybePromise<T>;
      if (group.results.size === 0) setImmediate(() => group.results.clear());
      const content = read();
      group.results.set(key, { order: ++lastOrder, content });
      return content;
    },

    invalidate: () => group.results.clear(),

    leave() {
      group.size--;
      if (group.size === 0) groupsOfBus.delete(view);
    },
  };
}
