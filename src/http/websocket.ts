import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecutionArgs, GraphQLError, GraphQLFormattedError } from 'graphql';
import type { Context, SubscribePayload } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { admit, authenticate, type Credential, hasCredential, type Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import { BadUserInputError } from '../domain/errors.ts';
import { MAX_BODY_BYTES } from '../rest/body.ts';
import { addressOf, type OperationSource, openDoor } from './door.ts';
import { createErrorMask } from './graphql-errors.ts';
import { isAllowedOrigin } from './origins.ts';
import type { GraphQLServer } from './yoga.ts';

/** GraphQL over WebSocket: graphql-transport-ws at the path of GraphQL over HTTP. */
export interface SocketServer {
  /** Takes over a connection that asks to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Closes every socket with 1012, which tells clients to come back. */
  close(): Promise<void>;
}

/** What belongs to one socket. */
interface SocketState extends Record<PropertyKey, unknown> {
  viewer: Viewer;
  /** Whom the socket counts for, against the limit of sockets. */
  owner: string;
  operations: Map<string, AbortController>;
}
type SocketContext = Context<Record<string, unknown>, Extra & Partial<SocketState>>;

const MAX_SOCKETS_PER_KEY = 100;
const MAX_SOCKETS_PER_ADDRESS = 20;
const MAX_OPERATIONS = 20;
const INIT_TIMEOUT_MS = 3_000;
const PING_INTERVAL_MS = 25_000;
const CLOSE_TIMEOUT_MS = 1_000;
const RESTART = 1012;
const OVERLOAD = 1013;
const UNAUTHORIZED = 4401;

/** Makes the WebSocket server. */
export function createSocketServer(deps: Deps, graphql: GraphQLServer): SocketServer {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_BODY_BYTES, perMessageDeflate: false });
  const counts = new Map<string, number>();
  const maskError = createErrorMask(deps.logger);
  let lastRequest = 0;

  /** Counts a socket for its owner; false when that one has as many as it may. */
  function claim({ extra }: SocketContext, owner: string, limit: number): boolean {
    const count = counts.get(owner) ?? 0;
    if (count >= limit) return false;
    counts.set(owner, count + 1);
    extra.owner = owner;
    return true;
  }

  async function connect(context: SocketContext): Promise<boolean> {
    const { extra, connectionParams } = context;
    const address = addressOf(deps, extra.request);
    const credential = credentialIn(connectionParams);
    extra.operations = new Map();
    if (!hasCredential(credential)) {
      return (
        claim(context, `address:${address}`, MAX_SOCKETS_PER_ADDRESS) ||
        refuse(extra.socket, OVERLOAD, 'Too many sockets')
      );
    }
    try {
      const viewer = await authenticate(deps, credential, address);
      if (!claim(context, `key:${viewer.apiKeyId}`, MAX_SOCKETS_PER_KEY)) {
        return refuse(extra.socket, OVERLOAD, 'Too many sockets');
      }
      const leave = () => extra.socket.close(UNAUTHORIZED, 'Unauthorized');
      viewer.revoked.addEventListener('abort', leave);
      extra.socket.once('close', () => viewer.revoked.removeEventListener('abort', leave));
      extra.viewer = viewer;
      return true;
    } catch {
      return refuse(extra.socket, UNAUTHORIZED, 'Unauthorized');
    }
  }

  /** The door of one operation: by the socket's credential, else by the one that came with the operation. */
  async function admitOperation({ extra }: SocketContext, payload: SubscribePayload) {
    if (extra.viewer !== undefined) return { viewer: extra.viewer, standing: await admit(deps, extra.viewer) };
    const credential = credentialIn(payload.extensions ?? undefined);
    return openDoor(deps, { credential, address: addressOf(deps, extra.request) });
  }

  async function prepare(
    context: SocketContext,
    id: string,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    if (Object.keys(context.subscriptions).length > MAX_OPERATIONS) {
      throw new BadUserInputError(`At most ${MAX_OPERATIONS} operations may run on one socket.`);
    }
    const { viewer, standing } = await admitOperation(context, payload);
    const abort = new AbortController();
    context.extra.operations?.set(id, abort);
    const source: OperationSource = {
      viewer,
      standing,
      requestId: `ws-${++lastRequest}`,
      transport: 'websocket',
      signal: abort.signal,
    };
    const { schema, parse, validate, contextFactory, execute, subscribe } = graphql.getEnveloped(source);
    const document = parse(payload.query);
    const errors = validate(schema, document);
    if (errors.length > 0) return errors;
    return {
      schema,
      document,
      operationName: payload.operationName,
      variableValues: payload.variables,
      contextValue: await contextFactory(),
      // Each operation has its own pair; this is how they reach `execute` and `subscribe` below.
      rootValue: { execute, subscribe },
    };
  }

  useServer<Record<string, unknown>, SocketState>(
    {
      connectionInitWaitTimeout: INIT_TIMEOUT_MS,
      onConnect: connect,
      onSubscribe: async (context, id, payload) => {
        try {
          return await prepare(context, id, payload);
        } catch (error) {
          return [maskError(error)];
        }
      },
      execute: (args) => rootOf(args).execute(args),
      subscribe: (args) => rootOf(args).subscribe(args),
      onError: (_context, _id, _payload, errors) => errors.map((error) => publicError(maskError(error))),
      onNext: (_context, _id, _payload, _args, { data = null, errors }) =>
        errors && { data, errors: errors.map(publicError) },
      onComplete: ({ extra }, id) => {
        extra.operations?.get(id)?.abort();
        extra.operations?.delete(id);
      },
      onClose: ({ extra }) => {
        for (const operation of extra.operations?.values() ?? []) operation.abort();
        if (extra.owner === undefined) return;
        const rest = (counts.get(extra.owner) ?? 1) - 1;
        if (rest > 0) counts.set(extra.owner, rest);
        else counts.delete(extra.owner);
      },
    },
    sockets,
    PING_INTERVAL_MS,
  );

  return {
    upgrade(request, socket, head) {
      if (!isAllowedOrigin(deps.config, request)) {
        socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => {
        deps.metrics.sockets.inc();
        client.once('close', () => deps.metrics.sockets.dec());
        sockets.emit('connection', client, request);
      });
    },

    async close() {
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
    },
  };
}

/** Closes with our code; graphql-ws, told false, would close with 4403, which means something else to clients. */
function refuse(socket: WebSocket, code: number, reason: string): false {
  socket.close(code, reason);
  return false;
}

/**
 * The credential in a connection's or an operation's parameters: `authorization` or `x-api-key` in any case, at the top
 * or inside `headers`, where GraphiQL puts what its header pane holds.
 */
function credentialIn(params: Readonly<Record<string, unknown>> | undefined): Credential {
  const { headers } = params ?? {};
  const nested = typeof headers === 'object' && headers !== null ? Object.entries(headers) : [];
  const texts = new Map<string, string>();
  for (const [name, value] of [...nested, ...Object.entries(params ?? {})]) {
    if (typeof value === 'string') texts.set(name.toLowerCase(), value);
  }
  return { authorization: texts.get('authorization'), apiKey: texts.get('x-api-key') };
}

type Root = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>;
const rootOf = (args: ExecutionArgs) => args.rootValue as Root;

/** Over HTTP the status is taken from `extensions.http`; here it only has to be left out. */
function publicError(error: GraphQLError): GraphQLFormattedError {
  const { http, unexpected, ...extensions } = error.extensions;
  return { ...error.toJSON(), extensions };
}
