const MAX_IN_FLIGHT = 100;
const MAX_PER_ENDPOINT = 5;
/** When only this many slots are free, an endpoint gets no second one, so that slow endpoints do not take all. */
const RESERVED_SLOTS = 20;

/** The number of an endpoint's deliveries that the worker may claim next. */
export interface ClaimAllowance {
  readonly subscriptionId: string;
  /** The maximum number of the endpoint's deliveries in flight, including those already in flight. */
  readonly maxInProgress: number;
  /** The maximum number of deliveries to claim. */
  readonly limit: number;
  /** Whether to claim only deliveries suspected of crashing processes; absent: only deliveries that are not. */
  readonly isAlone?: boolean;
}

/** The deliveries in flight in this process. */
export interface InFlight {
  /** The subscription of each delivery in flight; a subscription may occur several times. */
  readonly subscriptionIds: readonly string[];
  /** Whether the endpoint's circuit is open, which limits it to one delivery at a time. */
  isOpen(subscriptionId: string): boolean;
  /** The subscription of the last claimed delivery. */
  readonly lastServed: string;
}

/**
 * Divides the free slots among the endpoints with due deliveries, round robin from the one served last: at most 5 in
 * flight for each endpoint, and 100 in total.
 * @param due the subscriptions, ordered by id.
 */
export function allocateClaims(
  due: readonly string[],
  { subscriptionIds, isOpen, lastServed }: InFlight,
): ClaimAllowance[] {
  let free = MAX_IN_FLIGHT - subscriptionIds.length;
  const counts = new Map<string, number>();
  for (const id of subscriptionIds) counts.set(id, (counts.get(id) ?? 0) + 1);
  const rotation = [...due.filter((id) => id > lastServed), ...due.filter((id) => id <= lastServed)];
  const maxEach = Math.max(1, Math.floor(free / Math.max(1, due.length)));
  const allowances: ClaimAllowance[] = [];
  for (const subscriptionId of rotation) {
    const maxInProgress = isOpen(subscriptionId) || free <= RESERVED_SLOTS ? 1 : MAX_PER_ENDPOINT;
    const limit = Math.min(maxEach, free, maxInProgress - (counts.get(subscriptionId) ?? 0));
    if (limit <= 0) continue;
    free -= limit;
    allowances.push({ subscriptionId, maxInProgress, limit });
  }
  return allowances;
}
