/** The share of items with a property, in percent; 0 without items. */
export function shareOf<T>(items: readonly T[], hasProperty: (item: T) => boolean): number {
  return meanOf(items, (item) => (hasProperty(item) ? 100 : 0));
}

/** The mean of a measure over items; 0 without items. */
export function meanOf<T>(items: readonly T[], measure: (item: T) => number): number {
  return items.length === 0 ? 0 : items.reduce((sum, item) => sum + measure(item), 0) / items.length;
}

/** The share of questions whose right item has a rank of at most `limit`. Ranks start at 1; `Infinity`: not found. */
export const recallAt = (limit: number, ranks: readonly number[]): number => shareOf(ranks, (rank) => rank <= limit);

/** The mean reciprocal rank, in percent. */
export const reciprocalRank = (ranks: readonly number[]): number => meanOf(ranks, (rank) => 100 / rank);

/** nDCG@10 in percent, if exactly one item is right. */
export const gainAt10 = (ranks: readonly number[]): number =>
  meanOf(ranks, (rank) => (rank <= 10 ? 100 / Math.log2(rank + 1) : 0));

/** The rank of the first right item, from 1; `Infinity` if there is none. */
export function rankOf<T>(items: readonly T[], isRight: (item: T) => boolean): number {
  const index = items.findIndex(isRight);
  return index === -1 ? Number.POSITIVE_INFINITY : index + 1;
}

/** The area under the ROC curve: the chance that a positive has a higher value than a negative; half for a tie. */
export function areaUnderCurve(positives: readonly number[], negatives: readonly number[]): number {
  return meanOf(positives, (a) => meanOf(negatives, (b) => (a > b ? 1 : a === b ? 0.5 : 0)));
}

/** The middle of some values, or the mean of the two in the middle; NaN without values. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

/**
 * The share of negatives whose value is at least that of `share` percent of the positives: how many off-topic questions
 * are answered at the threshold at which that share of the others is.
 */
export function falseShareAt(share: number, positives: readonly number[], negatives: readonly number[]): number {
  const descending = positives.toSorted((a, b) => b - a);
  const threshold = descending[Math.max(0, Math.ceil((descending.length * share) / 100) - 1)] ?? 0;
  return shareOf(negatives, (value) => value >= threshold);
}
