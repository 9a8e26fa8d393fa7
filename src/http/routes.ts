import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { schema } from '../../schema/index.ts';
import { consumeAnonymousRateLimit, consumeOperation } from '../access/request-limits.ts';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import { createRest } from '../dialects/rest/app.ts';
import { createGraphClient } from '../dialects/rest/graph-client.ts';
import { listMethods } from '../dialects/rest/methods.ts';
import { createOpenApiDocument, OPENAPI_PATH } from '../dialects/rest/openapi.ts';
import { ForbiddenError, RateLimitedError, UnauthenticatedError } from '../domain/errors.ts';
import { prepareGraphiql } from '../web/graphiql-page.ts';
import { prepareReference } from '../web/reference-page.ts';
import { SCHEMA_FILES } from '../web/schema-files.ts';
import { prepareStaticDocument } from '../web/static-resources.ts';
import {
  type AuthResult,
  addressOf,
  authenticateRequest,
  type CountRequest,
  countRequest,
  createContext,
  createRateLimitReporter,
  createReplayReporter,
  readCredential,
} from './auth.ts';
import { createLargeBodies, type LargeBodies } from './bodies/large-bodies.ts';
import type { ReceiveTime } from './bodies/receive-time.ts';
import { createChatRoute } from './chat.ts';
import { createReservations, type Reservations } from './event-streams/reservations.ts';
import type { StreamedOperation } from './event-streams/result-stream.ts';
import { handleSingleConnection, usesSingleConnection } from './event-streams/single-connection.ts';
import { createStreamCounts, type StreamCounts } from './event-streams/stream-counts.ts';
import type { Executor } from './executor.ts';
import { GRAPHIQL_SESSION_PATH, openGraphiqlSession } from './graphiql/session.ts';
import { graphiqlOptions } from './graphiql/tabs.ts';
import { createErrorMask } from './graphql-errors.ts';
import { type AcceptedTypes, negotiateTypes, typeOfRefusal } from './media-types.ts';
import { handleOperatorRequest, sendRestError } from './operator.ts';
import { createDocumentRoute, createPageRoute, READ_METHODS } from './pages.ts';
import { sendGraphQLError } from './refusals.ts';
import { GRAPHQL_METHODS } from './request-rules.ts';
import { withScopeChecks } from './scopes.ts';
import { createPageSessions } from './sessions/page-sessions.ts';
import type { GraphQLServer } from './yoga.ts';

/** Refusals of an operation before it starts are a response; its results are events of the stream. */
const STREAMED_TYPES: AcceptedTypes = { result: 'application/graphql-response+json', stream: 'text/event-stream' };

/** The streams and the large requests of one process. */
interface GraphQLLimits {
  readonly streams: StreamCounts;
  readonly reservations: Reservations;
  readonly largeBodies: LargeBodies;
}

/** The kinds of paths; also the labels in the metrics. */
export type Route = 'graphql' | 'schema' | 'rest' | 'docs' | 'chat' | 'assets' | 'operator' | 'other';

/** An HTTP request and its response. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly requestId: string;
  /**
   * Aborts when the client has disconnected or the response has been sent; aborts with a `ShuttingDownError` when the
   * gateway closes.
   */
  readonly signal: AbortSignal;
  /** Aborts when the gateway starts to stop. */
  readonly drainSignal: AbortSignal;
  /** The time for the request to arrive. */
  readonly receiveTime: ReceiveTime;
  /** Whether the client waits for `100 Continue`; only before a large body, it has not been sent yet. */
  readonly waitsForContinue: boolean;
  /** Records the viewer, once the request is authenticated. */
  readonly onAuthenticated: (viewer: Viewer) => void;
}

/** Handles the requests of a kind of paths. */
export interface RouteHandler {
  handle(exchange: Exchange): Promise<void>;
  /** Lists the methods of a path: none if it does not exist. */
  listMethods(path: string): readonly string[];
}

/** The kind of a path. */
export function routeOf(path: string): Route {
  if (path === '/graphql' || path === '/graphql/') return 'graphql';
  if (path.startsWith('/graphql/')) return 'schema';
  if (/^\/(api\/)?v1(\/|$)/.test(path)) return 'rest';
  if (/^\/docs(\/|$)/.test(path)) return 'docs';
  if (/^\/chat(\/|$)/.test(path)) return 'chat';
  if (path.startsWith('/assets/')) return 'assets';
  return path === '/health' || path === '/ready' || path === '/metrics' ? 'operator' : 'other';
}

/** Creates the handlers of all routes. */
export function createRoutes(deps: Deps, graphql: GraphQLServer, executor: Executor): Record<Route, RouteHandler> {
  const streams = createStreamCounts(deps.config);
  const limits = {
    streams,
    reservations: createReservations(deps.failures.log),
    largeBodies: createLargeBodies(),
  };
  const countAnonymousRequest = ({ request }: Exchange) => consumeAnonymousRateLimit(deps, addressOf(deps, request));
  const reference = createPageRoute(prepareReference);
  const graphiql = deps.config.hasGraphiql ? createPageRoute(() => prepareGraphiql(graphiqlOptions)) : undefined;
  const chat = createChatRoute(deps);
  const pages = new Map([['docs', reference], ['chat', chat], ...(graphiql ? [['graphiql', graphiql] as const] : [])]);
  const pageOf = (path: string) => pages.get(path.split('/')[2] ?? '');
  const isReference = (path: string) => /^\/docs\/?$/.test(path);

  /** Creates the handler of paths that clients can only read, and need no credential for. */
  function createPublicRoute(exists: (path: string) => boolean, send: (exchange: Exchange) => unknown): RouteHandler {
    return {
      async handle(exchange) {
        await countAnonymousRequest(exchange);
        if (!exists(exchange.path)) return sendRestError(exchange.response, 'NOT_FOUND');
        await send(exchange);
      },
      listMethods: (path) => (exists(path) ? READ_METHODS : []),
    };
  }

  return {
    graphql: {
      async handle(exchange) {
        if (!graphiql || !acceptsHtml(exchange)) return handleGraphQL(deps, graphql, exchange, limits);
        // A browser cannot send a credential when it opens the page.
        await countAnonymousRequest(exchange);
        return graphiql.sendPage(exchange);
      },
      listMethods: () => GRAPHQL_METHODS,
    },
    schema: createSchemaRoute(deps, countAnonymousRequest),
    rest: createRestRoute(deps, executor, streams, countAnonymousRequest),
    docs: createPublicRoute(isReference, reference.sendPage),
    chat: {
      async handle(exchange) {
        await countAnonymousRequest(exchange);
        return chat.handle(exchange);
      },
      listMethods: chat.listMethods,
    },
    assets: createPublicRoute(
      (path) => pageOf(path) !== undefined,
      (exchange) => pageOf(exchange.path)?.sendAsset(exchange),
    ),
    operator: {
      async handle(exchange) {
        // Health checks must never be rate limited.
        if (exchange.path === '/metrics') await countAnonymousRequest(exchange);
        return handleOperatorRequest(deps, { ...exchange, isDraining: exchange.drainSignal.aborted });
      },
      listMethods: () => READ_METHODS,
    },
    other: createPublicRoute(
      (path) => path === '/' && deps.config.hasGraphiql,
      ({ response }) => response.writeHead(302, { Location: '/graphql' }).end(),
    ),
  };
}

/** Creates the handler of the files of the schema, and of the path that opens a session of GraphiQL. */
function createSchemaRoute(deps: Deps, countAnonymousRequest: (exchange: Exchange) => Promise<void>): RouteHandler {
  const files = new Map(SCHEMA_FILES.map(({ path, prepare }) => [path, createDocumentRoute(prepare)]));
  return {
    async handle(exchange) {
      if (exchange.path === GRAPHIQL_SESSION_PATH) {
        await countAnonymousRequest(exchange);
        return openGraphiqlSession(deps, exchange);
      }
      const { viewer } = await authenticateExchange(deps, exchange);
      // These files reveal as much as introspection: see `useCredentialCheck`.
      if (viewer === undefined && deps.config.isProduction) throw new UnauthenticatedError();
      const send = files.get(exchange.path);
      return send === undefined ? sendRestError(exchange.response, 'NOT_FOUND') : send(exchange);
    },
    listMethods(path) {
      if (path === GRAPHIQL_SESSION_PATH) return ['POST'];
      return files.has(path) ? READ_METHODS : [];
    },
  };
}

function acceptsHtml({ request: { method, headers } }: Exchange): boolean {
  return (method === 'GET' || method === 'HEAD') && headers.accept?.includes('text/html') === true;
}

async function handleGraphQL(
  deps: Deps,
  graphql: GraphQLServer,
  exchange: Exchange,
  { streams, reservations, largeBodies }: GraphQLLimits,
): Promise<void> {
  const { request, response, requestId, signal } = exchange;
  const isSingle = usesSingleConnection(request);
  const claim = (viewer: Viewer, ended: AbortSignal) => countStream(streams, viewer, { response, signal: ended });
  let authResult: AuthResult;
  let streamedOperation: StreamedOperation | undefined;
  try {
    const count = isSingle && request.method !== 'POST' ? countRequest : consumeOperation;
    authResult = await authenticateExchange(deps, exchange, count);
    if (isSingle) {
      streamedOperation = handleSingleConnection(reservations, exchange, authResult.viewer, claim);
      if (streamedOperation === undefined) return;
    }
  } catch (error) {
    return sendGraphQLError(response, createErrorMask(deps)(error));
  }
  const accepted = streamedOperation ? STREAMED_TYPES : negotiateTypes(request.headers.accept);
  // The framework ignores the qualities. Among these types it makes the same choice.
  request.headers.accept = [streamedOperation ? undefined : accepted.stream, typeOfRefusal(accepted)]
    .filter((type) => type !== undefined)
    .join(', ');
  await graphql.handle(request, response, {
    ...authResult,
    requestId,
    signal: streamedOperation?.signal ?? signal,
    transport: 'http',
    accepted,
    largeBody: largeBodies.createPermit(authResult.viewer, exchange),
    reportRateLimit: createRateLimitReporter(response),
    reportReplay: createReplayReporter(response),
    ...(streamedOperation ? { streamedOperation } : { countStream: (viewer) => claim(viewer, signal) }),
  });
}

function createRestRoute(
  deps: Deps,
  executor: Executor,
  streams: StreamCounts,
  countAnonymous: (exchange: Exchange) => Promise<void>,
): RouteHandler {
  const rest = createRest({
    chatTimeoutMs: deps.config.chatTimeoutMs,
    onError: (error, requestId, refusal) => deps.failures.log(refusal ?? error, { requestId }),
  });
  const sendDocument = createDocumentRoute(() =>
    prepareStaticDocument('application/json', JSON.stringify(createOpenApiDocument(rest))),
  );
  async function handle(exchange: Exchange): Promise<void> {
    const { request, response, requestId, signal, drainSignal } = exchange;
    // This document is the only REST resource that needs no key.
    if (OPENAPI_PATH.test(exchange.path)) {
      await countAnonymous(exchange);
      return sendDocument(exchange);
    }
    const bindings = {
      sessions: createPageSessions(deps, exchange),
      requestId,
      signal,
      drainSignal,
      authenticate: async () => {
        const { viewer, rateLimit } = await authenticateExchange(deps, exchange);
        if (viewer === undefined) throw new UnauthenticatedError();
        // REST bypasses the pipeline, in which `requireSessionFields` limits sessions.
        if (viewer.session !== undefined) throw new ForbiddenError('REST');
        const reportReplay = createReplayReporter(response);
        const context = createContext(deps, viewer, 'API', { requestId, rateLimit, signal, reportReplay });
        return {
          graph: createGraphClient(withScopeChecks(executor, viewer), schema, context),
          accountId: viewer.accountId,
          countStream: () => countStream(streams, viewer, exchange),
        };
      },
    };
    await getRequestListener((webRequest) => rest.fetch(webRequest, bindings))(request, response);
  }

  return {
    handle,
    listMethods: (path) => (OPENAPI_PATH.test(path) ? READ_METHODS : listMethods(rest, path)),
  };
}

/**
 * Counts a stream before it opens.
 * @throws RateLimitedError when the key has the maximum number of streams.
 */
function countStream(
  streams: StreamCounts,
  viewer: Viewer,
  { response, signal }: Pick<Exchange, 'response' | 'signal'>,
): void {
  try {
    streams.claim(viewer.credentialId, signal);
  } catch (error) {
    if (error instanceof RateLimitedError) response.setHeader('Retry-After', Math.ceil(error.retryAfterMs / 1_000));
    throw error;
  }
}

/** Authenticates an exchange, and sets the headers with the rate limit status, even when it refuses the request. */
async function authenticateExchange(
  deps: Deps,
  { request, response, onAuthenticated }: Exchange,
  count: CountRequest = countRequest,
): Promise<AuthResult> {
  const reportRateLimit = createRateLimitReporter(response);
  try {
    const authResult = await authenticateRequest(deps, readCredential(deps, request), count);
    if (authResult.viewer !== undefined) {
      onAuthenticated(authResult.viewer);
      reportRateLimit(authResult.rateLimit);
    }
    return authResult;
  } catch (error) {
    if (error instanceof RateLimitedError) {
      if (error.rateLimit === undefined) response.setHeader('Retry-After', Math.ceil(error.retryAfterMs / 1_000));
      else reportRateLimit(error.rateLimit, error.retryAfterMs);
    }
    throw error;
  }
}
