import { setImmediate } from 'node:timers/promises';

/**
 * Yields items in batches with a total weight of at most `maxWeight`; a heavier item is a batch by itself. Between two
 * batches the event loop runs other work, because a SQLite statement blocks the process while it runs.
 */
export async function* yieldBatches<T>(
  items: readonly T[],
  weigh: (item: T) => number,
  maxWeight: number,
): AsyncGenerator<T[], void> {
  let batch: T[] = [];
  let weight = 0;
  for (const item of items) {
    const itemWeight = weigh(item);
    if (batch.length > 0 && weight + itemWeight > maxWeight) {
      yield batch;
      await setImmediate();
      batch = [];
      weight = 0;
    }
    batch.push(item);
    weight += itemWeight;
  }
  if (batch.length > 0) yield batch;
}
