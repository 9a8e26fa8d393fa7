/** Requests of one key that were let through at one moment, numbered from `first`. */
export interface PassedRequests {
  /** By the clock of the process that never goes back, in ms. */
  readonly at: number;
  readonly first: number;
  readonly count: number;
}

/** What a process has let through in the last window, so that it can tell those who have not counted it. */
export interface PassedLog {
  add(key: string, passed: PassedRequests): void;
  /** Of one key, oldest first. */
  of(key: string, now: number): readonly PassedRequests[];
  /** The keys that may have some. */
  keys(): Iterable<string>;
}

/** Makes the log of one process; what is older than the window is forgotten. */
export function createPassedLog(windowMs: number): PassedLog {
  const log = new Map<string, PassedRequests[]>();
  let sweptAt = 0;

  function trim(key: string, now: number): readonly PassedRequests[] {
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
