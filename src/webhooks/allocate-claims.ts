const MAX_IN_FLIGHT = 100;
const MAX_PER_ENDPOINT = 5;
/** When so few are free, an endpoint gets a second one no more: those that hang together leave room for others. */
const RESERVED = 20;

/** What an endpoint may have next. */
export interface ClaimAllowance {
  readonly subscriptionId: string;
  /** How many of its deliveries may be under way, with those that are. */
  readonly maxUnderWay: number;
  /** How many may be added. */
  readonly limit: number;
  /** Whether it is what may end processes that is added, and nothing else; absent: everything else. */
  readonly isAlone?: boolean;
}

/** What is under way in this process. */
export interface InFlight {
  /** The endpoint of each delivery that is. */
  readonly subscriptionIds: readonly string[];
  /** Whether an endpoint fails so much that one at a time is enough. */
  isOpen(subscriptionId: string): boolean;
  /** The endpoint that was served last. */
  readonly lastServed: string;
}

/**
 * Divides what is free among the endpoints that something is due for, those first that come after the one that was served
 * last: at most 5 under way for each, and 100 in all.
 * @param due in the order of their ids.
 */
export function allocateClaims(
  due: readonly string[],
  { subscriptionIds, isOpen, lastServed }: InFlight,
): ClaimAllowance[] {
  let free = MAX_IN_FLIGHT - subscriptionIds.length;
  const counts = new Map<string, number>();
  for (const id of subscriptionIds) counts.set(id, (counts.get(id) ?? 0) + 1);
  const inTurn = [...due.filter((id) => id > lastServed), ...due.filter((id) => id <= lastServed)];
  const maxEach = Math.max(1, Math.floor(free / Math.max(1, due.length)));
  const shares: ClaimAllowance[] = [];
  for (const subscriptionId of inTurn) {
    const maxUnderWay = isOpen(subscriptionId) || free <= RESERVED ? 1 : MAX_PER_ENDPOINT;
    const limit = Math.min(maxEach, free, maxUnderWay - (counts.get(subscriptionId) ?? 0));
    if (limit <= 0) continue;
    free -= limit;
    shares.push({ subscriptionId, maxUnderWay, limit });
  }
  return shares;
}
