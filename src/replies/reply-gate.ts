/** Decides when generations may start: any number run at the same time, or a single exclusive generation. */
export interface ReplyGate {
  /**
   * Waits until a generation may start. Generations start in the order of the calls.
   * @returns a function to call at the end of the generation; `undefined` if `signal` aborts before it may start.
   */
  enter(isExclusive: boolean, signal: AbortSignal): Promise<(() => void) | undefined>;
}

interface Waiter {
  readonly isExclusive: boolean;
  readonly admit: () => void;
}

/** Creates the gate of one process. */
export function createReplyGate(): ReplyGate {
  const waiting = new Set<Waiter>();
  let running = 0;
  let isExclusiveRunning = false;

  function admitWaiters(): void {
    for (const next of waiting) {
      if (isExclusiveRunning || (next.isExclusive && running > 0)) return;
      waiting.delete(next);
      running++;
      isExclusiveRunning = next.isExclusive;
      next.admit();
    }
  }

  function release(): void {
    running--;
    isExclusiveRunning = false;
    admitWaiters();
  }

  return {
    async enter(isExclusive, signal) {
      if (signal.aborted) return undefined;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const waiter: Waiter = { isExclusive, admit: () => resolve(true) };
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
      return isAdmitted ? release : undefined;
    },
  };
}
