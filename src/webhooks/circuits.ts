import { createBoundedCache } from '../domain/bounded-cache.ts';

const FAILURES = 5;
const WINDOW_MS = 60_000;
const MAX_ENDPOINTS = 10_000;

/** The circuit breakers of one process, one for each endpoint. */
export interface Circuits {
  /** Records the result of an attempt. @param at the end of the attempt, in milliseconds of the monotonic clock. */
  record(subscriptionId: string, hasSucceeded: boolean, at: number): void;
  /** Whether five consecutive attempts failed within a minute, and none has succeeded since. */
  isOpen(subscriptionId: string): boolean;
}

/** Creates the circuit breakers of one process. */
export function createCircuits(): Circuits {
  const openCircuits = createBoundedCache<true>(MAX_ENDPOINTS);
  const failureTimes = createBoundedCache<readonly number[]>(MAX_ENDPOINTS);
  return {
    record(id, hasSucceeded, at) {
      if (hasSucceeded) {
        failureTimes.delete(id);
        openCircuits.delete(id);
        return;
      }
      const recentFailures = [...(failureTimes.get(id) ?? []), at].slice(-FAILURES);
      failureTimes.set(id, recentFailures);
      if (recentFailures.length === FAILURES && at - (recentFailures[0] ?? 0) <= WINDOW_MS) openCircuits.set(id, true);
    },
    isOpen: (id) => openCircuits.has(id),
  };
}
