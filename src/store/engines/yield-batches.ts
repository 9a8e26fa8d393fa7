import { setImmediate } from 'node:timers/promises';

/**
 * Yields items in batches of at most `maxWeight` together, or of one heavier item. Between two batches the event loop
 * serves everything else: a statement on SQLite blocks the process while it runs.
 */
export async function* yieldBatches<T>(
  items: readonly T[],
  weigh: (item: T) => number,
  maxWeight: number,
): AsyncGenerator<T[], void> {
  let batch: T[] = [];
  let weight = 0;
  for (const item of items) {
    const more = weigh(item);
    if (batch.length > 0 && weight + more > maxWeight) {
      yield batch;
      await setImmediate();
      batch = [];
      weight = 0;
    }
    batch.push(item);
    weight += more;
  }
  if (batch.length > 0) yield batch;
}
