import { LRUCache } from 'lru-cache';

/**
 * Creates a cache of at most `maxEntries` entries that evicts the least recently used entry. The memory of the cache
 * grows with its entries. The library's option `max` would allocate the memory of all entries at once, which took a
 * third of the gateway's start time.
 * @param onRemove called with each entry that is evicted, deleted or replaced.
 */
export function createBoundedCache<V extends NonNullable<unknown>>(
  maxEntries: number,
  onRemove?: (value: V, key: string) => void,
): LRUCache<string, V> {
  return new LRUCache<string, V>({
    maxSize: maxEntries,
    sizeCalculation: () => 1,
    ...(onRemove && { dispose: (value: V, key: string) => onRemove(value, key) }),
  });
}
