/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** Handles an item. If it returns a promise, the next item waits until that resolves. */
export type Push<T> = (item: T) => Promise<unknown> | undefined;

/** A sequence of items for one reader, who either pulls each or has all pushed. */
export interface Feed<T> extends AsyncGenerator<T, void, void> {
  /**
   * Pushes each item to `push` as it arrives, which costs a fraction of pulling. Resolves at the end, also after
   * `return`; rejects with an error of the source or of `push`. Only before the first pull.
   */
  pushTo(push: Push<T>): Promise<void>;
}

/**
 * Creates a feed from a producer.
 * @param produce starts at the first pull, waits while `push` returns a promise, and resolves at the end.
 * @param stop ends `produce` soon: the reader has left. Called at most once.
 */
export function createFeed<T>(produce: (push: Push<T>) => Promise<void>, stop: () => void): Feed<T> {
  const pulls: PromiseWithResolvers<IteratorResult<T, void>>[] = [];
  const end = { done: true, value: undefined } as const;
  let producing: Promise<void> | undefined;
  let hasEnded = false;
  let resume: (() => void) | undefined;

  /** Gives an item to the pending pull, and waits for the next pull. */
  function deliver(value: T): Promise<void> | undefined {
    pulls.shift()?.resolve({ done: false, value });
    if (hasEnded || pulls.length > 0) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    resume = resolve;
    return promise;
  }

  async function deliverAll(): Promise<void> {
    try {
      producing = produce(deliver);
      await producing;
    } catch (error) {
      pulls.shift()?.reject(error);
    } finally {
      hasEnded = true;
      for (const { resolve } of pulls.splice(0)) resolve(end);
    }
  }

  async function leave(): Promise<void> {
    if (hasEnded) return;
    hasEnded = true;
    stop();
    resume?.();
    // A pending pull has received the error, or there was none.
    await producing?.catch(() => {});
  }

  const feed: Feed<T> = {
    async pushTo(push) {
      if (hasEnded) return;
      producing = produce(push);
      await producing.finally(() => {
        hasEnded = true;
      });
    },
    next() {
      if (hasEnded) return Promise.resolve(end);
      const pull = Promise.withResolvers<IteratorResult<T, void>>();
      pulls.push(pull);
      if (producing === undefined) void deliverAll();
      else resume?.();
      return pull.promise;
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
    (push) =>
      source
        .pushTo((item) => {
          const mapped = map(item);
          return mapped instanceof Promise ? mapped.then(push) : push(mapped);
        })
        .finally(leave),
    () => {
      leave();
      void source.return();
    },
  );
}
