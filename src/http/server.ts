import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Viewer } from '../access/viewer.ts';
import type { Config } from '../config.ts';
import type { Deps } from '../deps.ts';
import { RefusalError } from '../domain/errors.ts';
import { clientFor } from './door.ts';
import { createExecutor } from './executor.ts';
import { isDisconnect, logFailure } from './graphql-errors.ts';
import { sendRefusal } from './operator.ts';
import { answerOrigin } from './origins.ts';
import { ANSWER_POLICY } from './pages.ts';
import { createPendingBytes } from './pending-bytes.ts';
import { createEngine } from './pipeline.ts';
import { createRoutes, routeOf } from './routes.ts';
import { createSocketServer, type SocketServer } from './websocket.ts';
import { createGraphQLServer } from './yoga.ts';

/** The HTTP server with everything behind it. */
export interface HttpServer {
  /** Takes the port, and tells it; who comes before `open` waits. @throws the system's error, such as `EADDRINUSE`. */
  listen(port: number, host: string): Promise<number>;
  /** Begins to answer. */
  open(): void;
  /** Accepts no more connections, and says so at `/ready`. */
  stopAccepting(): void;
  /** Waits a moment for what is in flight, then closes every connection. */
  close(): Promise<void>;
}

// Made once: an abort without a reason makes an exception each time.
const OVER = new Error('The exchange is over.');

const MAX_LOGGED_PATH = 200;
const CLOSE_GRACE_MS = 2_000;
const CLOSE_POLL_MS = 10;

/** Makes the HTTP server; it accepts nothing before `listen`, and answers nothing before `open`. */
export function createHttpServer(deps: Deps): HttpServer {
  const executor = createExecutor(deps);
  const engine = createEngine(deps, executor);
  const graphql = createGraphQLServer(deps, engine);
  const pendingBytes = createPendingBytes(deps);
  const sockets = createSocketServer(deps, graphql, engine, pendingBytes);
  const routes = createRoutes(deps, graphql, executor);
  const opened = Promise.withResolvers<void>();
  let isDraining = false;
  let inFlight = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    const requestId = readRequestId(request);
    const left = new AbortController();
    let viewer: Viewer | undefined;
    const stopWatching = pendingBytes.watch({
      connection: request.socket,
      get client() {
        return clientFor(deps, viewer, request);
      },
      countBytes: () => response.writableLength,
      // What the system has taken and the client has not is dropped as well.
      cut: () => request.socket.resetAndDestroy(),
    });
    inFlight++;
    response.once('close', () => {
      inFlight--;
      stopWatching();
      left.abort(OVER);
    });
    observe(deps, request, response, requestId);
    response.setHeader('X-Request-Id', requestId);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Content-Security-Policy', ANSWER_POLICY);
    response.setHeader('Cache-Control', 'private, no-store');
    if (isDraining) response.setHeader('Connection', 'close');
    if (answerOrigin(deps.config, request, response)) return;
    try {
      await opened.promise;
      const identify = (found: Viewer) => {
        viewer = found;
      };
      await routes[routeOf(path)]({ request, response, path, requestId, signal: left.signal, identify, isDraining });
    } catch (error) {
      const isRefused = error instanceof RefusalError && error.cause === undefined;
      if (!isRefused && !isDisconnect(error)) logFailure(deps.logger, error, { requestId });
      if (response.headersSent) response.destroy();
      else sendRefusal(response, error);
    }
    if (response.writableLength > 0) pendingBytes.note(response.writableLength);
  }

  const server = createNodeServer(
    deps.config,
    (request, response) => void handle(request, response),
    (...upgrade) => void opened.promise.then(() => sockets.upgrade(...upgrade)),
  );

  return {
    listen(port, host) {
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      });
    },

    open: () => opened.resolve(),

    stopAccepting() {
      isDraining = true;
      server.close();
    },

    async close() {
      const deadline = performance.now() + CLOSE_GRACE_MS;
      while (inFlight + sockets.operations > 0 && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, CLOSE_POLL_MS));
      }
      await sockets.close();
      pendingBytes.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Node's server, which cuts off what is slow or too large, and hands WebSockets over. */
function createNodeServer(
  { keepAliveMs }: Pick<Config, 'keepAliveMs'>,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  upgrade: SocketServer['upgrade'],
): Server {
  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: keepAliveMs,
    },
    handle,
  );
  server.maxHeadersCount = 100;
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (routeOf(pathOf(request)) === 'graphql') upgrade(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  return server;
}

/** Measures and logs an exchange when it is over. */
function observe(deps: Deps, request: IncomingMessage, response: ServerResponse, requestId: string): void {
  const startedAt = performance.now();
  response.once('close', () => {
    const ms = performance.now() - startedAt;
    const { method = '' } = request;
    const path = pathOf(request);
    const status = response.statusCode;
    deps.metrics.httpSeconds.observe({ route: routeOf(path), method, status }, ms / 1_000);
    const shown = path.length > MAX_LOGGED_PATH ? `${path.slice(0, MAX_LOGGED_PATH)}…` : path;
    deps.logger.info({ requestId, method, path: shown, status, ms: Math.round(ms * 10) / 10 }, 'request');
  });
}

/** The path without its query, which may hold what people wrote. Proxies may send the whole address (RFC 9112). */
function pathOf({ url = '/' }: IncomingMessage): string {
  if (!url.startsWith('/') && URL.canParse(url)) return new URL(url).pathname;
  return url.split('?', 1)[0] ?? '/';
}

/** The client's own request id where it is usable, else a new one. */
function readRequestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID();
}
