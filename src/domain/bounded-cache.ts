import { LRUCache } from 'lru-cache';

/**
 * Creates a cache of at most `maxEntries`, which drops those that were not used for longest. Its memory grows with its
 * entries: the `max` of the library takes it all at once, which cost a third of the time of a start.
 */
export function createBoundedCache<V extends NonNullable<unknown>>(maxEntries: number): LRUCache<string, V> {
  return new LRUCache<string, V>({ maxSize: maxEntries, sizeCalculation: () => 1 });
}
