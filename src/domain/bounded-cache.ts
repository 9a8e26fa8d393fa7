import { LRUCache } from 'lru-cache';

/**
 * Creates a cache of at most `maxEntries` entries that evicts the least recently used entry. The memory of the cache
 * grows with its entries. The library's option `max` would allocate the memory of all entries at once, which took a
 * third of the gateway's start time.
 */
export function createBoundedCache<V extends NonNullable<unknown>>(maxEntries: number): LRUCache<string, V> {
  return new LRUCache<string, V>({ maxSize: maxEntries, sizeCalculation: () => 1 });
}
