/** Requests of one key that a process allowed at one moment, numbered from `first`. */
export interface AllowedRequests {
  /** By the process's monotonic clock, in ms. */
  readonly at: number;
  readonly first: number;
  readonly count: number;
}

/**
 * The requests that a process has allowed in the last window, for reporting them to a Redis that has not counted them.
 */
export interface AllowedLog {
  add(key: string, passed: AllowedRequests): void;
  /** The requests of one key, oldest first. */
  of(key: string, now: number): readonly AllowedRequests[];
  /** The keys that may have requests. */
  keys(): Iterable<string>;
}

/** Creates the log of one process; it drops what is older than the window. */
export function createAllowedLog(windowMs: number): AllowedLog {
  const log = new Map<string, AllowedRequests[]>();
  let sweptAt = 0;

  function trim(key: string, now: number): readonly AllowedRequests[] {
    const all = log.get(key);
    if (all === undefined) return [];
    const young = all.findIndex(({ at }) => at > now - windowMs);
    if (young === -1) log.delete(key);
    else all.splice(0, young);
    return young === -1 ? [] : all;
  }

  return {
    add(key, passed) {
      const all = log.get(key);
      if (all === undefined) log.set(key, [passed]);
      else all.push(passed);
      if (passed.at - sweptAt < windowMs) return;
      sweptAt = passed.at;
      for (const known of log.keys()) trim(known, passed.at);
    },
    of: trim,
    keys: () => log.keys(),
  };
}
