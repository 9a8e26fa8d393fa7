/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** Handles an item. If it returns a promise, the next item waits until that resolves. */
export type Take<T> = (item: T) => Promise<unknown> | undefined;

/** A sequence of items for one reader, who either pulls each or has all pushed. */
export interface Feed<T> extends AsyncGenerator<T, void, void> {
  /**
   * Pushes each item to `push` as it arrives, which costs a fraction of pulling. Resolves at the end, also after
   * `return`; rejects with an error of the source or of `push`. Only before the first pull.
   */
  giveTo(take: Take<T>): Promise<void>;
}

/**
 * Creates a feed from a producer.
 * @param produce starts at the first pull, waits while `push` returns a promise, and resolves at the end.
 * @param stop ends `produce` soon: the reader has left. Called at most once.
 */
export function createFeed<T>(give: (take: Take<T>) => Promise<void>, stop: () => void): Feed<T> {
  const asked: PromiseWithResolvers<IteratorResult<T, void>>[] = [];
  const end = { done: true, value: undefined } as const;
  let given: Promise<void> | undefined;
  let isOver = false;
  let goOn: (() => void) | undefined;

  /** Gives an item to the pending pull, and waits for the next pull. */
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
    // A pending pull has received the error, or there was none.
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

/**
 * Maps each item, possibly asynchronously.
 * @param left called once, when no more items will follow.
 */
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
