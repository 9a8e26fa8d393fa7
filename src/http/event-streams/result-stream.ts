import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { BadUserInputError, EventStreamConflictError } from '../../domain/errors.ts';
import { HEARTBEAT, HEARTBEAT_MS, STREAM_HEADERS } from '../../domain/event-stream.ts';
import { toPublicResult } from '../graphql-errors.ts';
import { waitForDrain } from '../send-results.ts';

/** The result of an operation: one, or those of a subscription. */
export type OperationResult = ExecutionResult | AsyncIterable<ExecutionResult>;

/** An operation whose results go to an event stream. */
export interface StreamedOperation {
  /** Aborts when the client stops the operation, or when the stream ends. */
  readonly signal: AbortSignal;
  /** Whether the operation has an id, and its results go to the stream. */
  readonly isStarted: boolean;
  /**
   * Sets the id of the operation, before it is executed.
   * @throws BadUserInputError without an id of its own, or if too many operations are running.
   */
  start(id: unknown): void;
  /** Sends the results, one after another, then `complete`. Called once. */
  send(result: OperationResult): void;
}

/** A stream of events that carries the results of several operations. */
export interface ResultStream {
  /**
   * Sends the stream as a response, until the client disconnects or `close` is called. Results wait for this.
   * @throws EventStreamConflictError if it is already sent to a client.
   */
  open(response: ServerResponse): void;
  readonly isOpen: boolean;
  createOperation(): StreamedOperation;
  /** Stops an operation; does nothing if it does not run. */
  stop(id: string): void;
  /** Stops all operations, and ends the response. */
  close(): void;
}

interface RunningOperation {
  readonly controller: AbortController;
  results?: AsyncIterator<ExecutionResult>;
}

/** As many as on a WebSocket. */
const MAX_OPERATIONS = 20;

/** The observers of a stream. */
export interface ResultStreamObserver {
  /** Called once, when the stream has ended. */
  onClose(): void;
  /** Called with an error of the gateway that prevents further results. The stream then ends, and its client reconnects. */
  onError(error: unknown): void;
}

/** Creates a stream, which no client has opened yet. */
export function createResultStream({ onClose, onError }: ResultStreamObserver): ResultStream {
  const operations = new Map<string, RunningOperation>();
  const opened = Promise.withResolvers<ServerResponse | undefined>();
  let response: ServerResponse | undefined;
  let isClosed = false;

  /** Writes an event as soon as the client has read enough of the earlier ones. */
  async function write(event: string, data: object): Promise<void> {
    const target = await opened.promise;
    if (target === undefined || isClosed) return;
    if (!target.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) await waitForDrain(target);
  }

  async function sendAll(id: string, operation: RunningOperation, result: OperationResult): Promise<void> {
    await consumeResults(operation, result, (payload) => write('next', { id, payload: toPublicResult(payload) }));
    if (operations.get(id) === operation) operations.delete(id);
    await write('complete', { id });
  }

  function stop(id: string): void {
    const operation = operations.get(id);
    if (operation === undefined) return;
    operation.controller.abort();
    void operation.results?.return?.();
    operations.delete(id);
  }

  function close(): void {
    if (isClosed) return;
    isClosed = true;
    for (const id of [...operations.keys()]) stop(id);
    opened.resolve(undefined);
    response?.end();
    onClose();
  }

  const fail = (error: unknown) => {
    onError(error);
    close();
  };

  return {
    get isOpen() {
      return response !== undefined;
    },

    open(target) {
      if (response !== undefined) throw new EventStreamConflictError('The event stream is already open.');
      response = target;
      sendHead(target, close);
      opened.resolve(target);
    },

    createOperation() {
      const operation: RunningOperation = { controller: new AbortController() };
      let operationId: string | undefined;
      return {
        signal: operation.controller.signal,
        get isStarted() {
          return operationId !== undefined;
        },
        start(id) {
          requireFreeId(operations, id);
          if (isClosed) throw new EventStreamConflictError();
          operationId = id;
          operations.set(id, operation);
        },
        send: (result) => {
          if (operationId !== undefined) void sendAll(operationId, operation, result).catch(fail);
        },
      };
    },

    stop,
    close,
  };
}

/** Passes each result of an operation to `send`, and waits for it before the next one. */
async function consumeResults(
  operation: RunningOperation,
  result: OperationResult,
  send: (result: ExecutionResult) => Promise<void>,
): Promise<void> {
  if (!(Symbol.asyncIterator in result)) return send(result);
  const results = result[Symbol.asyncIterator]();
  operation.results = results;
  if (operation.controller.signal.aborted) return void (await results.return?.());
  for (let next = await results.next(); !next.done; next = await results.next()) await send(next.value);
}

/** Sends the head of a response, and then heartbeats until the response is closed. */
function sendHead(response: ServerResponse, onClose: () => void): void {
  response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  response.writeHead(200, STREAM_HEADERS);
  // Some browsers ignore a response until its first bytes arrive.
  response.write(HEARTBEAT);
  const heartbeat = setInterval(() => {
    // A client that has not read the last event needs no heartbeat.
    if (!response.writableNeedDrain) response.write(HEARTBEAT);
  }, HEARTBEAT_MS);
  response.once('close', () => {
    clearInterval(heartbeat);
    onClose();
  });
}

/** @throws BadUserInputError if no operation with the id may start. */
function requireFreeId(operations: ReadonlyMap<string, unknown>, id: unknown): asserts id is string {
  if (typeof id !== 'string' || id === '') throw new BadUserInputError('`extensions.operationId` must be a string.');
  if (operations.has(id)) throw new BadUserInputError('An operation with this `operationId` is running.');
  if (operations.size < MAX_OPERATIONS) return;
  throw new BadUserInputError(`At most ${MAX_OPERATIONS} operations may run on one event stream.`);
}
