import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  type GraphQLError,
  type GraphQLFormattedError,
  getOperationAST,
} from 'graphql';
import { handleProtocols, type SubscribePayload } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Deps } from '../deps.ts';
import { BadUserInputError } from '../domain/errors.ts';
import { MAX_BODY_BYTES } from '../domain/shared-limits.ts';
import type { OperationSource } from './auth.ts';
import { sendResults } from './delivery.ts';
import { type Results, requireScopesOf } from './executor.ts';
import { createErrorMask, logFailure } from './graphql-errors.ts';
import { isAllowedOrigin } from './origins.ts';
import type { PendingBytes } from './pending-bytes.ts';
import type { Engine } from './pipeline.ts';
import { createWriter } from './sharing.ts';
import { watchSocket } from './slow-sockets.ts';
import {
  createSocketGate,
  type SocketContext,
  type SocketGate,
  type SocketOperation,
  type SocketState,
} from './socket-gate.ts';
import { createProtocol } from './socket-protocol.ts';
import type { GraphQLServer } from './yoga.ts';

/** GraphQL over WebSocket: graphql-transport-ws at the path of GraphQL over HTTP. */
export interface SocketServer {
  /** Upgrades a connection to a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** The number of running operations. */
  readonly operations: number;
  /** The number of running queries and mutations. */
  readonly requests: number;
  /** Closes every socket with 1012, on which clients reconnect. */
  close(): Promise<void>;
}

const MAX_OPERATIONS = 20;
const INIT_TIMEOUT_MS = 3_000;
const PING_INTERVAL_MS = 25_000;
const CLOSE_TIMEOUT_MS = 1_000;
const RESTART = 1012;

/** The state that the operations of all sockets share. */
interface Operations {
  readonly deps: Deps;
  readonly graphql: GraphQLServer;
  readonly gate: SocketGate;
  lastRequest: number;
  /** The number of running operations. */
  count: number;
  /** The number of running subscriptions. */
  streams: number;
}

/** Creates the WebSocket server. */
export function createSocketServer(
  deps: Deps,
  graphql: GraphQLServer,
  engine: Engine,
  pendingBytes: PendingBytes,
): SocketServer {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_BODY_BYTES,
    perMessageDeflate: false,
    handleProtocols,
  });
  const gate = createSocketGate(deps);
  const operations: Operations = { deps, graphql, gate, lastRequest: 0, count: 0, streams: 0 };
  const runProtocol = createOperationProtocol(operations, engine);

  function accept(client: WebSocket, request: IncomingMessage, socket: Duplex): void {
    deps.metrics.sockets.inc();
    client.once('close', () => deps.metrics.sockets.dec());
    const clientOf = () => gate.clientOf(client, request);
    watchSocket(pendingBytes, client, { connection: socket as Socket, clientOf });
    runProtocol(client, request);
    // The error was caused by the client, and has closed the socket.
    client.on('error', (error) => deps.logger.debug({ err: error }, 'socket failed'));
  }

  return {
    upgrade(request, socket, head) {
      if (isAllowedOrigin(deps.config, request)) {
        sockets.handleUpgrade(request, socket, head, (client) => accept(client, request, socket));
      } else socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    },

    get operations() {
      return operations.count;
    },

    get requests() {
      return operations.count - operations.streams;
    },

    close: () => closeSockets(sockets),
  };
}

/** Creates the graphql-transport-ws protocol of each socket. */
function createOperationProtocol(operations: Operations, engine: Engine) {
  const { deps, gate } = operations;
  const maskError = createErrorMask(deps.logger);
  const toPublic = (error: unknown) => publicError(maskError(error));
  const toPublicResult = ({ data, errors }: ExecutionResult): FormattedExecutionResult => ({
    ...(data === undefined ? {} : { data }),
    ...(errors && { errors: errors.map(toPublic) }),
  });
  const write = createWriter((result) => JSON.stringify(toPublicResult(result)));
  return createProtocol<SocketState>(
    {
      connectionInitWaitTimeout: INIT_TIMEOUT_MS,
      onConnect: gate.connect,
      onSubscribe: async (context, id, payload) => {
        try {
          return await prepareOperation(operations, context, { id, payload });
        } catch (error) {
          return [maskError(error)];
        }
      },
      // Results come directly from the engine, without the plugins that mask errors for HTTP, so `toPublic` masks them.
      execute: engine,
      subscribe: engine,
      onOperation: ({ extra }, id, _payload, _args, results) =>
        Symbol.asyncIterator in results
          ? sendResults(extra.socket, extra.request.socket, id, { results: results as Results, write })
          : undefined,
      onError: (_context, _id, _payload, errors) => errors.map(toPublic),
      onNext: (_context, _id, _payload, _args, result) => toPublicResult(result as ExecutionResult),
      onComplete: (context, id) => endOperation(operations, context, id),
      onClose: (context) => {
        for (const id of [...(context.extra.operations?.keys() ?? [])]) endOperation(operations, context, id);
        gate.leave(context);
      },
    },
    {
      pingIntervalMs: PING_INTERVAL_MS,
      onError: (error) => logFailure(deps.logger, error),
    },
  );
}

/** Authenticates, parses and validates an operation, and counts it as started. Returns the errors of an invalid one. */
async function prepareOperation(
  operations: Operations,
  context: SocketContext,
  { id, payload }: { id: string; payload: SubscribePayload },
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  if (Object.keys(context.subscriptions).length > MAX_OPERATIONS) {
    throw new BadUserInputError(`At most ${MAX_OPERATIONS} operations may run on one socket.`);
  }
  const admission = await operations.gate.authenticate(context, payload);
  const abort = new AbortController();
  const source: OperationSource = {
    ...admission,
    requestId: `ws-${++operations.lastRequest}`,
    transport: 'websocket',
    signal: abort.signal,
    reportRateLimit: () => {},
  };
  const { schema, parse, validate, contextFactory } = operations.graphql.getEnveloped(source);
  const document = parse(payload.query);
  const errors = validate(schema, document);
  if (errors.length > 0) return errors;
  const operation = getOperationAST(document, payload.operationName);
  if (operation == null) {
    throw new BadUserInputError('Name one of the operations in the document.');
  }
  const contextValue = await contextFactory();
  const { operationName, variables: variableValues } = payload;
  // The engine would refuse it too, but in a result. Clients expect an `error` message for a forbidden operation.
  requireScopesOf({ schema, document, operationName, variableValues, contextValue });
  // Counted last: an operation that is refused before never completes, and would be counted for ever.
  beginOperation(operations, context, id, { abort, isStream: operation.operation === 'subscription' });
  return { schema, document, operationName, variableValues, contextValue };
}

function beginOperation(
  operations: Operations,
  { extra }: SocketContext,
  id: string,
  operation: SocketOperation,
): void {
  extra.operations ??= new Map();
  extra.operations.set(id, operation);
  operations.count++;
  if (operation.isStream) operations.streams++;
}

function endOperation(operations: Operations, { extra }: SocketContext, id: string): void {
  const operation = extra.operations?.get(id);
  if (operation === undefined) return;
  extra.operations?.delete(id);
  operations.count--;
  if (operation.isStream) operations.streams--;
  operation.abort.abort();
}

/** Asks every client to reconnect, and cuts the connections that stay open too long. */
async function closeSockets(sockets: WebSocketServer): Promise<void> {
  const closing = [...sockets.clients].map(
    (client) => new Promise<void>((resolve) => client.once('close', () => resolve())),
  );
  for (const client of sockets.clients) client.close(RESTART, 'Service restart');
  const deadline = setTimeout(() => {
    for (const client of sockets.clients) client.terminate();
  }, CLOSE_TIMEOUT_MS);
  await Promise.all(closing);
  clearTimeout(deadline);
  sockets.close();
}

/** Removes the extensions that only the HTTP transport uses. */
function publicError(error: GraphQLError): GraphQLFormattedError {
  const { http, unexpected, ...extensions } = error.extensions;
  return { ...error.toJSON(), extensions };
}
