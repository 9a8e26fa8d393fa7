import { createBoundedCache } from '../domain/bounded-cache.ts';

const FAILURES = 5;
const WINDOW_MS = 60_000;
const MAX_ENDPOINTS = 10_000;

/** Circuit breakers of one process: which endpoints fail repeatedly at the moment. */
export interface Circuits {
  /** Records the result of an attempt. @param at the end of the attempt, in ms of the monotonic clock. */
  record(subscriptionId: string, hasSucceeded: boolean, at: number): void;
  /** Whether five attempts in a row failed within a minute, and none has succeeded since. */
  isOpen(subscriptionId: string): boolean;
}

/** Creates the circuits of one process. */
export function createCircuits(): Circuits {
  const open = createBoundedCache<true>(MAX_ENDPOINTS);
  const failures = createBoundedCache<readonly number[]>(MAX_ENDPOINTS);
  return {
    record(id, hasSucceeded, at) {
      if (hasSucceeded) {
        failures.delete(id);
        open.delete(id);
        return;
      }
      const last = [...(failures.get(id) ?? []), at].slice(-FAILURES);
      failures.set(id, last);
      if (last.length === FAILURES && at - (last[0] ?? 0) <= WINDOW_MS) open.set(id, true);
    },
    isOpen: (id) => open.has(id),
  };
}
