/** The length of every token. It is fixed, so that the tokens of a combined event can still be counted. */
export const TOKEN_LENGTH = 16;

/** The number of tokens of each stream, and their rate. */
export interface TokenRate {
  readonly tokens: number;
  /** The tokens per second of a stream; 0 means as fast as the server delivers them. */
  readonly perSecond: number;
}

/** Replaces a model: sends tokens to all waiting streams when it is started. */
export interface TokenGenerator {
  /** Adds a waiting stream: `onToken` receives its tokens, and `onEnd` is called after the last token. */
  addStream(onToken: (token: string) => void, onEnd: () => void): void;
  /** Starts all waiting streams. */
  start(rate: TokenRate): void;
}

/** Creates a token. Its text is the time of its creation, in microseconds of the clock that all processes share. */
export function createToken(): string {
  return String(process.hrtime.bigint() / 1_000n).padStart(TOKEN_LENGTH, '0');
}

/** Resolves in the next turn of the event loop. */
export const nextEventLoopTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface WaitingStream {
  readonly onToken: (token: string) => void;
  readonly onEnd: () => void;
}

/** @param waitForDelivery resolves when the last tokens are on their way, so that the next become separate events. */
export function createTokenGenerator(waitForDelivery = nextEventLoopTurn): TokenGenerator {
  const waitingStreams: WaitingStream[] = [];
  return {
    addStream: (onToken, onEnd) => waitingStreams.push({ onToken, onEnd }),
    start(rate) {
      const streams = waitingStreams.splice(0);
      if (rate.perSecond === 0) void sendOneByOne(streams, rate, waitForDelivery);
      else sendAtRate(streams, rate);
    },
  };
}

async function sendOneByOne(
  streams: readonly WaitingStream[],
  { tokens }: TokenRate,
  waitForDelivery: () => Promise<void>,
) {
  for (let i = 0; i < tokens; i++) {
    const token = createToken();
    for (const { onToken } of streams) onToken(token);
    await waitForDelivery();
  }
  for (const { onEnd } of streams) onEnd();
}

/** Sends tokens by the clock, stream after stream, so that the streams do not send at the same moment. */
function sendAtRate(streams: readonly WaitingStream[], { tokens, perSecond }: TokenRate): void {
  const startedAt = performance.now();
  const total = streams.length * tokens;
  let sentCount = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond * streams.length;
    for (; sentCount < Math.min(due, total); sentCount++) streams[sentCount % streams.length]?.onToken(createToken());
    if (sentCount < total) return;
    clearInterval(timer);
    for (const { onEnd } of streams) onEnd();
  }, 1);
}

/**
 * Adds a stream, and returns its tokens as an iterator, at the cost of one promise per token.
 * @param wrap converts a token to an item of the iterator.
 * @param last the items after the tokens.
 */
export function iterateTokens<T>(
  generator: TokenGenerator,
  wrap: (token: string) => T,
  ...last: readonly T[]
): AsyncIterableIterator<T, void, void> {
  const items: T[] = [];
  let hasEnded = false;
  let wake: ((step: IteratorResult<T, void>) => void) | undefined;
  const push = (item: T) => {
    if (wake === undefined) items.push(item);
    else wake({ done: false, value: item });
    wake = undefined;
  };
  generator.addStream(
    (token) => push(wrap(token)),
    () => {
      hasEnded = true;
      for (const item of last) push(item);
      wake?.({ done: true, value: undefined });
    },
  );
  const iterator: AsyncIterableIterator<T, void, void> = {
    async next() {
      const item = items.shift();
      if (item !== undefined) return { done: false, value: item };
      if (hasEnded) return { done: true, value: undefined };
      return new Promise((resolve) => {
        wake = resolve;
      });
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
