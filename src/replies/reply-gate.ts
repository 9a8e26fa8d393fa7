/** Decides when generations may begin: any number beside each other, but none beside one that has to run alone. */
export interface ReplyGate {
  /**
   * Waits for permission to begin, in the order of asking.
   * @returns what is called at the end of the generation; undefined where `signal` was aborted before it could begin.
   */
  enter(isAlone: boolean, signal: AbortSignal): Promise<(() => void) | undefined>;
}

interface Waiting {
  readonly isAlone: boolean;
  readonly begin: () => void;
}

/** Makes the gate of one process. */
export function createReplyGate(): ReplyGate {
  const waiting = new Set<Waiting>();
  let running = 0;
  let hasLoner = false;

  function admit(): void {
    for (const next of waiting) {
      if (hasLoner || (next.isAlone && running > 0)) return;
      waiting.delete(next);
      running++;
      hasLoner = next.isAlone;
      next.begin();
    }
  }

  function leave(): void {
    running--;
    hasLoner = false;
    admit();
  }

  return {
    async enter(isAlone, signal) {
      if (signal.aborted) return undefined;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const own: Waiting = { isAlone, begin: () => resolve(true) };
      const giveUp = () => {
        if (!waiting.delete(own)) return;
        resolve(false);
        admit();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.add(own);
      admit();
      const isAdmitted = await promise;
      signal.removeEventListener('abort', giveUp);
      return isAdmitted ? leave : undefined;
    },
  };
}
