import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { schema } from '../../schema/index.ts';
import type { Deps } from '../deps.ts';
import { RateLimitedError, UnauthenticatedError } from '../domain/errors.ts';
import { createRest } from '../rest/app.ts';
import { createGraphClient } from '../rest/graph-client.ts';
import { createReference } from '../web/reference.ts';
import { type Admission, createContext, NOBODY, openDoor, rateLimitHeaders, visitOf } from './door.ts';
import { createErrorMask } from './graphql-errors.ts';
import { answerOperator, sendDetail, sendJson } from './operator.ts';
import { answerOrigin } from './origins.ts';
import { createSocketServer } from './websocket.ts';
import { createGraphQLServer } from './yoga.ts';

/** The HTTP server with everything behind it. */
export interface HttpServer {
  /** Starts to accept, and tells the port. @throws the system's error, such as `EADDRINUSE`. */
  listen(port: number, host: string): Promise<number>;
  /** Accepts no more connections, and says so at `/ready`. */
  stopAccepting(): void;
  /** Waits a moment for what is in flight, then closes every connection. */
  close(): Promise<void>;
}

type Route = 'graphql' | 'rest' | 'docs' | 'operator' | 'other';

/** One HTTP request on its way through. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly requestId: string;
  /** Aborts when the client has left or the answer is sent. */
  readonly signal: AbortSignal;
}

const CLOSE_GRACE_MS = 2_000;

/** Makes the HTTP server; it accepts nothing before `listen`. */
export function createHttpServer(deps: Deps): HttpServer {
  const graphql = createGraphQLServer(deps);
  const sockets = createSocketServer(deps, graphql);
  const maskError = createErrorMask(deps.logger);
  const rest = createRest({
    chatTimeoutMs: deps.config.chatTimeoutMs,
    onError: (error, requestId) => deps.logger.error({ err: error, requestId }, 'unexpected error'),
  });
  const reference = getRequestListener(createReference().fetch);
  let isDraining = false;
  let inFlight = 0;

  /** The door of one exchange; the limit's headers go on the answer whether it opens or not. */
  async function enter({ request, response }: Exchange): Promise<Admission> {
    const setHeaders = (headers: Record<string, string>) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    };
    try {
      const admission = await openDoor(deps, visitOf(deps, request));
      if (admission.viewer !== undefined) setHeaders(rateLimitHeaders(admission.standing));
      return admission;
    } catch (error) {
      if (error instanceof RateLimitedError) {
        deps.metrics.rateLimited.inc();
        setHeaders({
          'Retry-After': String(Math.ceil(error.retryAfterMs / 1_000)),
          ...(error.standing && rateLimitHeaders(error.standing)),
        });
      }
      throw error;
    }
  }

  async function answerGraphQL(exchange: Exchange): Promise<void> {
    const { request, response, requestId, signal } = exchange;
    const source = { requestId, signal, transport: 'http' } as const;
    if (request.method === 'GET' && request.headers.accept?.includes('text/html') && deps.config.hasGraphiql) {
      // A browser cannot send a credential when it opens the page.
      return graphql.handle(request, response, { ...source, ...NOBODY });
    }
    let admission: Admission;
    try {
      admission = await enter(exchange);
    } catch (error) {
      const { message, extensions } = maskError(error);
      const { http, ...visible } = extensions;
      const status = (http as { status?: number } | undefined)?.status ?? 500;
      return sendJson(response, status, { errors: [{ message, extensions: visible }] });
    }
    await graphql.handle(request, response, { ...source, ...admission });
  }

  async function answerRest(exchange: Exchange): Promise<void> {
    const { request, response, requestId, signal } = exchange;
    const bindings = {
      requestId,
      signal,
      openDoor: async () => {
        const { viewer, standing } = await enter(exchange);
        if (viewer === undefined) throw new UnauthenticatedError();
        const context = createContext(deps, viewer, 'API', { requestId, standing, signal });
        return { graph: createGraphClient(schema, context), accountId: viewer.accountId };
      },
    };
    await getRequestListener((fetched) => rest.fetch(fetched, bindings))(request, response);
  }

  async function answer(exchange: Exchange, route: Route): Promise<void> {
    const { path, request, response } = exchange;
    switch (route) {
      case 'graphql':
        return answerGraphQL(exchange);
      case 'rest':
        return answerRest(exchange);
      case 'docs':
        return reference(request, response);
      case 'operator':
        return answerOperator(deps, path, request, response, isDraining);
      case 'other':
        if (path === '/' && deps.config.hasGraphiql) {
          response.writeHead(302, { Location: '/graphql' });
          response.end();
          return;
        }
        return sendDetail(response, 'NOT_FOUND');
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const left = new AbortController();
    const path = request.url?.split('?', 1)[0] ?? '/';
    const route = routeOf(path);
    const requestId = readRequestId(request);
    inFlight++;
    response.once('close', () => {
      inFlight--;
      left.abort();
      const ms = performance.now() - startedAt;
      const { method = '' } = request;
      const status = response.statusCode;
      deps.metrics.httpSeconds.observe({ route, method, status }, ms / 1_000);
      // The path without its query, which may hold what people wrote.
      deps.logger.info({ requestId, method, path, status, ms: Math.round(ms * 10) / 10 }, 'request');
    });
    response.setHeader('X-Request-Id', requestId);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    if (isDraining) response.setHeader('Connection', 'close');
    if (answerOrigin(deps.config, request, response)) return;
    try {
      await answer({ request, response, path, requestId, signal: left.signal }, route);
    } catch (error) {
      deps.logger.error({ err: error, requestId }, 'unexpected error');
      if (response.headersSent) response.destroy();
      else sendDetail(response, 'INTERNAL_SERVER_ERROR');
    }
  }

  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 1_000 },
    (request, response) => void handle(request, response),
  );
  server.maxHeadersCount = 100;
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (routeOf(request.url?.split('?', 1)[0] ?? '') === 'graphql') sockets.upgrade(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });

  return {
    listen(port, host) {
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      });
    },

    stopAccepting() {
      isDraining = true;
      server.close();
    },

    async close() {
      const deadline = performance.now() + CLOSE_GRACE_MS;
      while (inFlight > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
      await sockets.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

function routeOf(path: string): Route {
  if (path === '/graphql' || path === '/graphql/') return 'graphql';
  if (/^\/(api\/)?v1(\/|$)/.test(path)) return 'rest';
  if (/^\/docs(\/|$)/.test(path)) return 'docs';
  return path === '/health' || path === '/ready' || path === '/metrics' ? 'operator' : 'other';
}

/** The client's own request id where it is usable, else a new one. */
function readRequestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID();
}
