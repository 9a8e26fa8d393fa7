/** Something that may be here already. */
export type MaybePromise<T> = T | Promise<T>;

/** Takes an item; where it gives a promise, the next item has to wait until that resolves. */
export type Take<T> = (item: T) => Promise<unknown> | undefined;

/** Things that come one after the other, for one reader, who either asks for each or is given them all. */
export interface Feed<T> extends AsyncGenerator<T, void, void> {
  /**
   * Gives each item to `take` as it comes, which costs a fraction of being asked for each. Resolves at the end, also at
   * that by `return`; rejects with what went wrong, also in `take`. Only for who has not asked for any.
   */
  giveTo(take: Take<T>): Promise<void>;
}

/**
 * Makes a feed of what gives.
 * @param give begins when the first item is wanted, waits where `take` tells it to, and resolves at the end.
 * @param stop lets `give` end soon: the reader has left. Called once at most.
 */
export function createFeed<T>(give: (take: Take<T>) => Promise<void>, stop: () => void): Feed<T> {
  const asked: PromiseWithResolvers<IteratorResult<T, void>>[] = [];
  const end = { done: true, value: undefined } as const;
  let given: Promise<void> | undefined;
  let isOver = false;
  let goOn: (() => void) | undefined;

  /** Gives an item to who has asked for it, and waits until the next one is asked for. */
  function answer(value: T): Promise<void> | undefined {
    asked.shift()?.resolve({ done: false, value });
    if (isOver || asked.length > 0) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    goOn = resolve;
    return promise;
  }

  async function answerAll(): Promise<void> {
    try {
      given = give(answer);
      await given;
    } catch (error) {
      asked.shift()?.reject(error);
    } finally {
      isOver = true;
      for (const { resolve } of asked.splice(0)) resolve(end);
    }
  }

  async function leave(): Promise<void> {
    if (isOver) return;
    isOver = true;
    stop();
    goOn?.();
    // What went wrong was told to who had asked, or nobody asked.
    await given?.catch(() => {});
  }

  const feed: Feed<T> = {
    async giveTo(take) {
      if (isOver) return;
      given = give(take);
      await given.finally(() => {
        isOver = true;
      });
    },
    next() {
      if (isOver) return Promise.resolve(end);
      const ask = Promise.withResolvers<IteratorResult<T, void>>();
      asked.push(ask);
      if (given === undefined) void answerAll();
      else goOn?.();
      return ask.promise;
    },
    async return() {
      await leave();
      return end;
    },
    async throw(error) {
      await leave();
      throw error;
    },
    [Symbol.asyncIterator]: () => feed,
    [Symbol.asyncDispose]: leave,
  };
  return feed;
}

/** Makes of each item another, which may take its time. @param left is called once, when there will be no more. */
export function mapFeed<T, R>(source: Feed<T>, map: (item: T) => MaybePromise<R>, left: () => void): Feed<R> {
  let hasLeft = false;
  const leave = () => {
    if (!hasLeft) left();
    hasLeft = true;
  };
  return createFeed(
    (take) =>
      source
        .giveTo((item) => {
          const made = map(item);
          return made instanceof Promise ? made.then(take) : take(made);
        })
        .finally(leave),
    () => {
      leave();
      void source.return();
    },
  );
}
