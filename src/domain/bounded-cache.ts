import { LRUCache } from 'lru-cache';

/**
 * Creates a cache of at most `maxEntries` that evicts the least recently used. Its memory grows with its entries: the
 * library's `max` allocates it all at once, which took a third of the start time.
 */
export function createBoundedCache<V extends NonNullable<unknown>>(maxEntries: number): LRUCache<string, V> {
  return new LRUCache<string, V>({ maxSize: maxEntries, sizeCalculation: () => 1 });
}
