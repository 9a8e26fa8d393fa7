/** The number of slots in a process; each delivery in flight uses one slot. */
const MAX_IN_FLIGHT = 100;
const MAX_PER_ENDPOINT = 5;
/** When at most this many slots are free, each endpoint may use only one slot, so that slow ones do not use all. */
const RESERVED_SLOTS = 20;

/** The number of an endpoint's deliveries that the worker may claim next. */
export interface ClaimAllowance {
  readonly subscriptionId: string;
  /** The maximum number of the endpoint's deliveries in flight in all processes, including those to claim. */
  readonly maxInFlight: number;
  /** The maximum number of deliveries to claim. */
  readonly limit: number;
  /** Whether to claim only deliveries that are suspected of crashing processes; absent: only the others. */
  readonly onlySuspected?: boolean;
}

/** The deliveries in flight in this process. */
export interface InFlight {
  /** The subscription of each delivery in flight; a subscription may occur several times. */
  readonly subscriptionIds: readonly string[];
  /** Whether the endpoint's circuit is open, which limits it to one delivery at a time. */
  isCircuitOpen(subscriptionId: string): boolean;
  /** The subscription of the last claimed delivery. */
  readonly lastSubscriptionId: string;
}

/**
 * Divides the free slots among the endpoints with due deliveries, round robin after `lastSubscriptionId`: at most 5
 * deliveries in flight for each endpoint, and 100 in total.
 * @param dueSubscriptionIds the subscriptions with due deliveries, ordered by id.
 */
export function allocateClaims(
  dueSubscriptionIds: readonly string[],
  { subscriptionIds, isCircuitOpen, lastSubscriptionId }: InFlight,
): ClaimAllowance[] {
  let freeSlots = MAX_IN_FLIGHT - subscriptionIds.length;
  const counts = new Map<string, number>();
  for (const id of subscriptionIds) counts.set(id, (counts.get(id) ?? 0) + 1);
  const rotation = [
    ...dueSubscriptionIds.filter((id) => id > lastSubscriptionId),
    ...dueSubscriptionIds.filter((id) => id <= lastSubscriptionId),
  ];
  const maxEach = Math.max(1, Math.floor(freeSlots / Math.max(1, dueSubscriptionIds.length)));
  const allowances: ClaimAllowance[] = [];
  for (const subscriptionId of rotation) {
    const maxInFlight = isCircuitOpen(subscriptionId) || freeSlots <= RESERVED_SLOTS ? 1 : MAX_PER_ENDPOINT;
    const limit = Math.min(maxEach, freeSlots, maxInFlight - (counts.get(subscriptionId) ?? 0));
    if (limit <= 0) continue;
    freeSlots -= limit;
    allowances.push({ subscriptionId, maxInFlight, limit });
  }
  return allowances;
}
