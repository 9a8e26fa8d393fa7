import type { ExecutionResult } from 'graphql';
import type { WebSocket } from 'ws';
import type { Results } from './executor.ts';

/** Writes a result as JSON. */
export type WriteResult = (result: ExecutionResult) => string;

/** Makes a writer that writes each result once, however many subscribers share it. */
export function createWriter(toPublic: (result: ExecutionResult) => object): WriteResult {
  const written = new WeakMap<ExecutionResult, string>();
  return (result) => {
    const known = written.get(result);
    if (known !== undefined) return known;
    const text = JSON.stringify(toPublic(result));
    written.set(result, text);
    return text;
  };
}

/**
 * Sends the results of a subscription, each when the connection has taken the last. It is given to graphql-ws in place of
 * the results, and tells it nothing but their end: `next` resolves when all is sent, and rejects with what ended them.
 */
export function deliver(socket: WebSocket, id: string, results: Results, write: WriteResult): Results {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  const delivery: Results = {
    async next() {
      for (let step = await results.next(); !step.done; step = await results.next()) {
        await send(socket, `${head}${write(step.value)}}`);
      }
      return { done: true, value: undefined };
    },
    return: () => results.return(),
    throw: (error) => results.throw(error),
    [Symbol.asyncIterator]: () => delivery,
    [Symbol.asyncDispose]: async () => void (await results.return()),
  };
  return delivery;
}

/** Resolves when the connection has taken it, at once as a rule, or will take nothing more. */
function send(socket: WebSocket, text: string): Promise<void> | undefined {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.send(text, () => resolve());
  return socket.bufferedAmount === 0 ? undefined : promise;
}
