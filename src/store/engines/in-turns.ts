import { setImmediate } from 'node:timers/promises';

/**
 * Cuts items into batches of at most `maxWeight` together, or of one heavier item, and gives everything else its turn of
 * the event loop between two of them: a statement on SQLite stops the process for as long as it takes.
 */
export async function* inTurns<T>(
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
