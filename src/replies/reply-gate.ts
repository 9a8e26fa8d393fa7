/** Decides when generations may begin: any number run at the same time, or a single one that must run alone. */
export interface ReplyGate {
  /**
   * Waits for permission to begin. Permission is given in the order of the calls.
   * @returns a function to call at the end of the generation; `undefined` if `signal` aborts before it may begin.
   */
  enter(isAlone: boolean, signal: AbortSignal): Promise<(() => void) | undefined>;
}

interface Waiter {
  readonly isAlone: boolean;
  readonly begin: () => void;
}

/** Creates the gate of one process. */
export function createReplyGate(): ReplyGate {
  const waiting = new Set<Waiter>();
  let running = 0;
  let isExclusive = false;

  function admitWaiters(): void {
    for (const next of waiting) {
      if (isExclusive || (next.isAlone && running > 0)) return;
      waiting.delete(next);
      running++;
      isExclusive = next.isAlone;
      next.begin();
    }
  }

  function leave(): void {
    running--;
    isExclusive = false;
    admitWaiters();
  }

  return {
    async enter(isAlone, signal) {
      if (signal.aborted) return undefined;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const waiter: Waiter = { isAlone, begin: () => resolve(true) };
      const giveUp = () => {
        if (!waiting.delete(waiter)) return;
        resolve(false);
        admitWaiters();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.add(waiter);
      admitWaiters();
      const isAdmitted = await promise;
      signal.removeEventListener('abort', giveUp);
      return isAdmitted ? leave : undefined;
    },
  };
}
