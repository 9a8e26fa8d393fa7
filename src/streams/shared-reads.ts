import type { LiveBus } from '../coordination/live-bus.ts';
import type { MaybePromise } from '../domain/feed.ts';

/** One reader's seat among those who follow the same with the same rights. */
export interface SharedRead {
  /** Reads; what another has just read from the same place is not read again. @param name names the place. */
  read<T>(name: () => string, read: () => MaybePromise<T>): MaybePromise<T>;
  /** Says that there are news: what was read before them is old. */
  invalidate(): void;
  leave(): void;
}

/** Those who follow the same with the same rights. */
interface Audience {
  size: number;
  /** What was read in this turn of the event loop, and since the last news, by place. */
  readonly found: Map<string, { readonly order: number; readonly content: unknown }>;
}

const audiences = new WeakMap<LiveBus, Map<string, Audience>>();
let lastOrder = 0;

/**
 * Takes a seat; whoever does must listen for news from now on. What was read is shared only with those who listened before:
 * what it lacks is signalled to them, as it is to who read it.
 * @param view names what is followed and what the reader may see of it.
 */
export function joinSharedReads(bus: LiveBus, view: string): SharedRead {
  const all = audiences.get(bus) ?? new Map<string, Audience>();
  audiences.set(bus, all);
  const audience = all.get(view) ?? { size: 0, found: new Map() };
  all.set(view, audience);
  audience.size++;
  const since = ++lastOrder;

  return {
    read<T>(name: () => string, read: () => MaybePromise<T>): MaybePromise<T> {
      if (audience.size === 1) return read();
      const place = name();
      const known = audience.found.get(place);
      if (known !== undefined && known.order > since) return known.content as MaybePromise<T>;
      if (audience.found.size === 0) setImmediate(() => audience.found.clear());
      const content = read();
      audience.found.set(place, { order: ++lastOrder, content });
      return content;
    },

    invalidate: () => audience.found.clear(),

    leave() {
      audience.size--;
      if (audience.size === 0) all.delete(view);
    },
  };
}
