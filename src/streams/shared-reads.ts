import type { LiveBus } from '../coordination/live-bus.ts';
import type { MaybePromise } from '../domain/feed.ts';

/** A reader's access to the reads that it shares with all readers of the same stream that have the same rights. */
export interface SharedRead {
  /** Reads, or returns what another reader has just read for the same key. */
  read<T>(key: () => string, read: () => MaybePromise<T>): MaybePromise<T>;
  /** Drops all shared results, because something has changed since they were read. */
  invalidate(): void;
  leave(): void;
}

/** The readers of one stream that have the same rights. */
interface ReaderGroup {
  size: number;
  /** The results of this turn of the event loop that no change has made stale, by key. */
  readonly results: Map<string, { readonly order: number; readonly content: unknown }>;
}

const groups = new WeakMap<LiveBus, Map<string, ReaderGroup>>();
let lastOrder = 0;

/**
 * Adds a reader to its group. The reader has to listen for changes from this call on. It shares only results that were
 * read after it joined: a change that such a result lacks is signalled to every reader that shares it.
 * @param view identifies the stream and what the reader may see of it.
 */
export function joinSharedReads(bus: LiveBus, view: string): SharedRead {
  const groupsOfBus = groups.get(bus) ?? new Map<string, ReaderGroup>();
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
