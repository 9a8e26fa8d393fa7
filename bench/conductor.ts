/** The length of every token. Its text is the time of its creation, by `stamp`; joined tokens can still be counted. */
export const TOKEN_LENGTH = 16;

/** The number and rate of the tokens of every stream. */
export interface Score {
  readonly tokens: number;
  /** The tokens per second of a stream; 0 means as fast as the server delivers them. */
  readonly perSecond: number;
}

/** Replaces a model: sends tokens to all waiting streams once it is started. */
export interface Conductor {
  /** Adds a waiting stream: `give` receives its tokens, and `end` is called after the last one. */
  play(give: (token: string) => void, end: () => void): void;
  /** Starts all waiting streams. */
  begin(score: Score): void;
}

/** Creates a token: the microseconds of the clock that all processes of this machine share. */
export function stamp(): string {
  return String(process.hrtime.bigint() / 1_000n).padStart(TOKEN_LENGTH, '0');
}

/** Resolves in the next turn of the event loop. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface WaitingStream {
  readonly give: (token: string) => void;
  readonly end: () => void;
}

/** @param delivered resolves when the last tokens are on their way, so that the next ones become separate events. */
export function createConductor(delivered = nextTurn): Conductor {
  const waiting: WaitingStream[] = [];
  return {
    play: (give, end) => waiting.push({ give, end }),
    begin(score) {
      const streams = waiting.splice(0);
      if (score.perSecond === 0) void sendInStep(streams, score, delivered);
      else sendByClock(streams, score);
    },
  };
}

async function sendInStep(streams: readonly WaitingStream[], { tokens }: Score, delivered: () => Promise<void>) {
  for (let i = 0; i < tokens; i++) {
    const token = stamp();
    for (const { give } of streams) give(token);
    await delivered();
  }
  for (const { end } of streams) end();
}

/** Sends tokens by the clock, stream after stream, so that a late server's streams do not fall into step. */
function sendByClock(streams: readonly WaitingStream[], { tokens, perSecond }: Score): void {
  const startedAt = performance.now();
  const total = streams.length * tokens;
  let sentCount = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond * streams.length;
    for (; sentCount < Math.min(due, total); sentCount++) streams[sentCount % streams.length]?.give(stamp());
    if (sentCount < total) return;
    clearInterval(timer);
    for (const { end } of streams) end();
  }, 1);
}

/**
 * Returns the tokens of one stream as an iterator, at the cost of one promise per token.
 * @param wrap converts a token to an item of the iterator. @param last the items after the tokens.
 */
export function listen<T>(
  conductor: Conductor,
  wrap: (token: string) => T,
  ...last: readonly T[]
): AsyncIterableIterator<T, void, void> {
  const items: T[] = [];
  let isOver = false;
  let wake: ((step: IteratorResult<T, void>) => void) | undefined;
  const give = (item: T) => {
    if (wake === undefined) items.push(item);
    else wake({ done: false, value: item });
    wake = undefined;
  };
  conductor.play(
    (token) => give(wrap(token)),
    () => {
      isOver = true;
      for (const item of last) give(item);
      wake?.({ done: true, value: undefined });
    },
  );
  const steps: AsyncIterableIterator<T, void, void> = {
    async next() {
      const item = items.shift();
      if (item !== undefined) return { done: false, value: item };
      if (isOver) return { done: true, value: undefined };
      return new Promise((resolve) => {
        wake = resolve;
      });
    },
    [Symbol.asyncIterator]: () => steps,
  };
  return steps;
}
