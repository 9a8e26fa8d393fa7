/** How long every token is: its text is when it was made, by `stamp`. So tokens that arrive as one can be counted. */
export const TOKEN_LENGTH = 16;

/** What every stream plays. */
export interface Score {
  readonly tokens: number;
  /** Per stream; 0 plays as fast as the server delivers. */
  readonly perSecond: number;
}

/** Stands in for a model: gives tokens to all streams that wait, from a sign on. */
export interface Conductor {
  /** Joins those who wait; `end` is called after the last token. */
  play(give: (token: string) => void, end: () => void): void;
  /** Lets those who wait begin. */
  begin(score: Score): void;
}

/** Microseconds of the clock that all processes of this machine share, as a token. */
export function stamp(): string {
  return String(process.hrtime.bigint() / 1_000n).padStart(TOKEN_LENGTH, '0');
}

/** Resolves in the event loop's next turn. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Player {
  readonly give: (token: string) => void;
  readonly end: () => void;
}

/** @param delivered resolves when what was just given is on its way, so that the next tokens are events of their own. */
export function createConductor(delivered = nextTurn): Conductor {
  const waiting: Player[] = [];
  return {
    play: (give, end) => waiting.push({ give, end }),
    begin(score) {
      const players = waiting.splice(0);
      if (score.perSecond === 0) void playInStep(players, score, delivered);
      else playPaced(players, score);
    },
  };
}

async function playInStep(players: readonly Player[], { tokens }: Score, delivered: () => Promise<void>) {
  for (let i = 0; i < tokens; i++) {
    const token = stamp();
    for (const { give } of players) give(token);
    await delivered();
  }
  for (const { end } of players) end();
}

/** One stream after the other, by the clock: a server that was late does not find its streams in step from then on. */
function playPaced(players: readonly Player[], { tokens, perSecond }: Score): void {
  const startedAt = performance.now();
  const total = players.length * tokens;
  let given = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond * players.length;
    for (; given < Math.min(due, total); given++) players[given % players.length]?.give(stamp());
    if (given < total) return;
    clearInterval(timer);
    for (const { end } of players) end();
  }, 1);
}

/**
 * The tokens of one stream, for who would rather ask for them than be given them. A token costs one promise.
 * @param wrap makes of a token what is given. @param last is given after the tokens.
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
