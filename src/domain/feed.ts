/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** Handles an item. If this function returns a promise, the next item waits until the promise resolves. */
export type Push<T> = (item: T) => Promise<unknown> | undefined;

/** A sequence of items for one consumer, which either pulls the items one by one or passes a function for them. */
export interface Feed<T> extends AsyncGenerator<T, void, void> {
  /**
   * Calls `push` with each item as it arrives, at a fraction of the cost of pulling. Resolves when the feed ends or
   * after `return`; rejects with an error of the producer or of `push`. Call it before the first pull only.
   */
  pushTo(push: Push<T>): Promise<void>;
}

/**
 * Creates a feed from a producer.
 * @param produce called at the first pull or by `pushTo`. After `push` returns a promise, it waits until the promise
 * resolves. It resolves after the last item.
 * @param stop makes `produce` end soon, because the consumer needs no more items. Called at most once.
 */
export function createFeed<T>(produce: (push: Push<T>) => Promise<void>, stop: () => void): Feed<T> {
  const pulls: PromiseWithResolvers<IteratorResult<T, void>>[] = [];
  const end = { done: true, value: undefined } as const;
  let producing: Promise<void> | undefined;
  let hasEnded = false;
  let resume: (() => void) | undefined;

  /** Resolves the pending pull with an item. The returned promise resolves at the next pull. */
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

  async function cancel(): Promise<void> {
    if (hasEnded) return;
    hasEnded = true;
    stop();
    resume?.();
    // Ignores an error of `produce`: if a pull was pending, that pull has received the error.
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
      await cancel();
      return end;
    },
    async throw(error) {
      await cancel();
      throw error;
    },
    [Symbol.asyncIterator]: () => feed,
    [Symbol.asyncDispose]: cancel,
  };
  return feed;
}

/**
 * Maps each item, possibly asynchronously.
 * @param onEnd called once, when no more items will follow.
 */
export function mapFeed<T, R>(source: Feed<T>, map: (item: T) => MaybePromise<R>, onEnd: () => void): Feed<R> {
  let hasEnded = false;
  const end = () => {
    if (!hasEnded) onEnd();
    hasEnded = true;
  };
  return createFeed(
    (push) =>
      source
        .pushTo((item) => {
          const mapped = map(item);
          return mapped instanceof Promise ? mapped.then(push) : push(mapped);
        })
        .finally(end),
    () => {
      end();
      void source.return();
    },
  );
}
