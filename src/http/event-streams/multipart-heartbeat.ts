import type { ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { HEARTBEAT_MS } from '../../domain/event-stream.ts';
import type { TransportContext } from '../auth.ts';

/** An empty part, which clients of multipart subscriptions ignore. */
const HEARTBEAT: ExecutionResult = {};

/**
 * Sends a heartbeat in streams of `multipart/mixed`; the framework sends those of `text/event-stream`. Source: Apollo's
 * multipart protocol for subscriptions.
 */
export const useMultipartHeartbeat: Plugin<object, TransportContext> = {
  onResultProcess({ result, serverContext: { accepted }, setResult }) {
    if (Symbol.asyncIterator in result && accepted?.stream === 'multipart/mixed') setResult(addHeartbeats(result));
  },
};

/** Adds a heartbeat whenever the consumer waits for a result for 12 seconds. A slow consumer gets none. */
function addHeartbeats(results: AsyncIterable<ExecutionResult>): AsyncGenerator<ExecutionResult, void, void> {
  const iterator = results[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<ExecutionResult, void>> | undefined;

  async function next(): Promise<IteratorResult<ExecutionResult, void>> {
    pending ??= iterator.next();
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), HEARTBEAT_MS);
    });
    const result = await Promise.race([pending, silence]).finally(() => clearTimeout(timer));
    if (result === undefined) return { done: false, value: HEARTBEAT };
    pending = undefined;
    return result;
  }

  return {
    next,
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
    throw: (error) => Promise.reject(error),
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: async () => void (await iterator.return?.()),
  };
}
