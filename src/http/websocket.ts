import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  getOperationAST,
  OperationTypeNode,
} from 'graphql';
import { handleProtocols, type SubscribePayload } from 'graphql-ws';
import { WebSocket, WebSocketServer } from 'ws';
import type { PageKeys } from '../access/page-keys.ts';
import type { Deps } from '../deps.ts';
import { BadUserInputError } from '../domain/errors.ts';
import { MAX_BODY_BYTES, MAX_LARGE_BODY_BYTES } from '../domain/shared-limits.ts';
import type { TransportContext } from './auth.ts';
import type { SubscriptionResults } from './executor.ts';
import { createErrorMask, toPublicResult, withoutHttpExtensions } from './graphql-errors.ts';
import { readRequestOptions } from './operations/request-options.ts';
import type { DocumentParameters, ResolveDocument } from './operations/resolve-document.ts';
import { isAllowedOrigin } from './origins.ts';
import type { PendingBytes } from './pending-bytes.ts';
import type { Pipeline } from './pipeline.ts';
import { sendResults } from './send-results.ts';
import { createResultSerializer } from './shared-results.ts';
import { watchSocket } from './slow-sockets.ts';
import {
  createSocketAuth,
  type SocketAuth,
  type SocketContext,
  type SocketOperation,
  type SocketState,
} from './socket-auth.ts';
import { createProtocol } from './socket-protocol.ts';
import type { GraphQLServer } from './yoga.ts';

/** GraphQL over WebSocket: graphql-transport-ws at the path of GraphQL over HTTP. */
export interface SocketServer {
  /** Upgrades a connection to a WebSocket. */
  upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void;
  /** The number of running operations. */
  readonly operationCount: number;
  /** The number of running queries and mutations. */
  readonly requestCount: number;
  /** Closes every socket with 1012, on which clients reconnect. */
  close(): Promise<void>;
}

const MAX_OPERATIONS = 20;
const INIT_TIMEOUT_MS = 3_000;
const PING_INTERVAL_MS = 25_000;
const CLOSE_TIMEOUT_MS = 1_000;
const MESSAGE_TOO_LARGE = 1009;
const RESTART = 1012;
const TOO_LARGE_REASON = `At most ${MAX_BODY_BYTES / 1_024} kB; over HTTP, a key with MANAGE may send ${MAX_LARGE_BODY_BYTES / 1_048_576} MB`;

/** A socket that says why it refuses a message that is too large; the library gives only the code. */
class ExplainingSocket extends WebSocket {
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, reason ?? (code === MESSAGE_TOO_LARGE ? TOO_LARGE_REASON : undefined));
  }
}

/** The services that prepare and run operations. */
interface GraphQLServices {
  readonly graphql: GraphQLServer;
  readonly pipeline: Pipeline;
  readonly resolve: ResolveDocument;
}

/** The state that the operations of all sockets share. */
interface Operations extends GraphQLServices {
  readonly deps: Deps;
  readonly auth: SocketAuth;
  lastRequestNumber: number;
  /** The number of running operations. */
  count: number;
  /** The number of running subscriptions. */
  streamCount: number;
}

/** Creates the WebSocket server. */
export function createSocketServer(
  deps: Deps,
  services: GraphQLServices,
  { pendingBytes, pageKeys }: { pendingBytes: PendingBytes; pageKeys: PageKeys },
): SocketServer {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_BODY_BYTES,
    perMessageDeflate: false,
    WebSocket: ExplainingSocket,
    handleProtocols,
  });
  const auth = createSocketAuth(deps, pageKeys);
  const operations: Operations = { deps, ...services, auth, lastRequestNumber: 0, count: 0, streamCount: 0 };
  const runProtocol = createOperationProtocol(operations);

  function accept(socket: WebSocket, request: IncomingMessage, connection: Duplex): void {
    deps.metrics.sockets.inc();
    socket.once('close', () => deps.metrics.sockets.dec());
    const clientOf = () => auth.clientOf(socket, request);
    watchSocket(pendingBytes, socket, { connection: connection as Socket, clientOf });
    runProtocol(socket, request);
    // The error was caused by the client, and has closed the socket.
    socket.on('error', (error) => deps.logger.debug({ err: error }, 'socket failed'));
  }

  return {
    upgrade(request, connection, head) {
      if (isAllowedOrigin(deps, request)) {
        sockets.handleUpgrade(request, connection, head, (socket) => accept(socket, request, connection));
      } else connection.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    },

    get operationCount() {
      return operations.count;
    },

    get requestCount() {
      return operations.count - operations.streamCount;
    },

    close: () => closeSockets(sockets),
  };
}

/** Creates the function that runs graphql-transport-ws on a socket. */
function createOperationProtocol(operations: Operations) {
  const { deps, auth, pipeline } = operations;
  const maskError = createErrorMask(deps);
  // Results bypass the plugins that mask errors for HTTP.
  const maskResult = ({ errors, ...others }: ExecutionResult) =>
    toPublicResult({ ...others, ...(errors && { errors: errors.map(maskError) }) });
  const serialize = createResultSerializer((result) => JSON.stringify(maskResult(result)));
  return createProtocol<SocketState>(
    {
      connectionInitWaitTimeout: INIT_TIMEOUT_MS,
      onConnect: auth.connect,
      onSubscribe: async (context, id, payload) => {
        try {
          return await prepareOperation(operations, context, { id, payload });
        } catch (error) {
          return [maskError(error)];
        }
      },
      execute: pipeline.run,
      subscribe: pipeline.run,
      onOperation: ({ extra }, id, _payload, _args, results) =>
        Symbol.asyncIterator in results
          ? sendResults(extra.socket, extra.request.socket, id, { results: results as SubscriptionResults, serialize })
          : undefined,
      onError: (_context, _id, _payload, errors) => errors.map((error) => withoutHttpExtensions(maskError(error))),
      onNext: (_context, _id, _payload, _args, result) => maskResult(result as ExecutionResult),
      onComplete: (context, id) => endOperation(operations, context, id),
      onClose: (context) => {
        for (const id of [...(context.extra.operations?.keys() ?? [])]) endOperation(operations, context, id);
        auth.releaseSocket(context);
      },
    },
    {
      pingIntervalMs: PING_INTERVAL_MS,
      onError: (error) => deps.failures.log(error),
    },
  );
}

/** Authenticates, parses, validates and checks an operation, and counts it as started. Returns the errors of an invalid one. */
async function prepareOperation(
  operations: Operations,
  context: SocketContext,
  { id, payload }: { id: string; payload: SubscribePayload },
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  if (Object.keys(context.subscriptions).length > MAX_OPERATIONS) {
    throw new BadUserInputError(`At most ${MAX_OPERATIONS} operations may run on one socket.`);
  }
  const authResult = await operations.auth.authenticate(context, payload);
  const abortController = new AbortController();
  const { text, onChecked } = await operations.resolve(authResult.viewer, readDocument(payload));
  const source: TransportContext = {
    ...authResult,
    onChecked,
    options: readRequestOptions(payload.extensions),
    requestId: `ws-${++operations.lastRequestNumber}`,
    transport: 'websocket',
    signal: abortController.signal,
    reportRateLimit: () => {},
  };
  const { schema, parse, validate, contextFactory } = operations.graphql.getEnveloped(source);
  const document = parse(text);
  const errors = validate(schema, document);
  if (errors.length > 0) return errors;
  const { variables: variableValues } = payload;
  // Empty counts as absent, as over HTTP.
  const operationName = payload.operationName || undefined;
  const args: ExecutionArgs = { schema, document, operationName, variableValues, contextValue: await contextFactory() };
  // Checked here and not when it runs, so that a refused operation gets an `error` message instead of a result.
  await operations.pipeline.check(args);
  // Counted last: an operation that was refused earlier would never complete, and would be counted for ever.
  startOperation(operations, context, id, { abortController, isStream: isSubscription(args) });
  return args;
}

/**
 * The document of a `subscribe` message, or its id, as a member of the payload or of its extensions.
 * @throws BadUserInputError
 */
function readDocument(payload: SubscribePayload): DocumentParameters {
  const { query, extensions } = payload;
  const documentId = 'documentId' in payload ? payload.documentId : undefined;
  if (documentId != null && typeof documentId !== 'string') {
    throw new BadUserInputError('`documentId` must be a string.');
  }
  return { query: query || undefined, documentId: documentId || undefined, extensions: extensions ?? undefined };
}

const isSubscription = ({ document, operationName }: ExecutionArgs): boolean =>
  getOperationAST(document, operationName)?.operation === OperationTypeNode.SUBSCRIPTION;

function startOperation(
  operations: Operations,
  { extra }: SocketContext,
  id: string,
  operation: SocketOperation,
): void {
  extra.operations ??= new Map();
  extra.operations.set(id, operation);
  operations.count++;
  if (operation.isStream) operations.streamCount++;
}

function endOperation(operations: Operations, { extra }: SocketContext, id: string): void {
  const operation = extra.operations?.get(id);
  if (operation === undefined) return;
  extra.operations?.delete(id);
  operations.count--;
  if (operation.isStream) operations.streamCount--;
  operation.abortController.abort();
}

/** Asks every client to reconnect, and terminates the connections that stay open too long. */
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
