/** Requests of one rate-limit key that a process allowed at one moment. They have consecutive sequence numbers. */
export interface AllowedRequests {
  /** The time by the process's monotonic clock, in milliseconds. */
  readonly at: number;
  readonly firstNumber: number;
  readonly count: number;
}

/**
 * The requests that a process has allowed in the last window, so that it can report them to a Redis that has not
 * counted them.
 */
export interface AllowedLog {
  add(key: string, allowed: AllowedRequests): void;
  /** The requests of one key, oldest first. */
  list(key: string, now: number): readonly AllowedRequests[];
  /** Removes the newest request of a key, and returns its number; undefined when the log has none. */
  removeNewest(key: string): number | undefined;
  /** The keys that may have requests in the window. */
  keys(): Iterable<string>;
}

/** Creates the log of one process, which drops requests older than the window. */
export function createAllowedLog(windowMs: number): AllowedLog {
  const log = new Map<string, AllowedRequests[]>();
  let sweptAt = 0;

  function trim(key: string, now: number): readonly AllowedRequests[] {
    const requests = log.get(key);
    if (requests === undefined) return [];
    const firstRecent = requests.findIndex(({ at }) => at > now - windowMs);
    if (firstRecent === -1) log.delete(key);
    else requests.splice(0, firstRecent);
    return firstRecent === -1 ? [] : requests;
  }

  return {
    add(key, allowed) {
      const requests = log.get(key);
      if (requests === undefined) log.set(key, [allowed]);
      else requests.push(allowed);
      if (allowed.at - sweptAt < windowMs) return;
      sweptAt = allowed.at;
      for (const otherKey of log.keys()) trim(otherKey, allowed.at);
    },
    list: trim,
    removeNewest(key) {
      const newest = log.get(key)?.pop();
      if (newest === undefined) return undefined;
      if (newest.count > 1) log.get(key)?.push({ ...newest, count: newest.count - 1 });
      return newest.firstNumber + newest.count - 1;
    },
    keys: () => log.keys(),
  };
}
