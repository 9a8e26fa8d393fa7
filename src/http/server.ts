import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPageKeys, type PageKeys } from '../access/page-keys.ts';
import type { Viewer } from '../access/viewer.ts';
import type { Config } from '../config.ts';
import type { Deps } from '../deps.ts';
import { RefusalError, ShuttingDownError } from '../domain/errors.ts';
import { clientFor } from './auth.ts';
import { limitReceiveTime } from './bodies/receive-time.ts';
import { createExecutor } from './executor.ts';
import { isDisconnect } from './graphql-errors.ts';
import { isStreamType } from './media-types.ts';
import { createDocuments } from './operations/resolve-document.ts';
import { handleOrigin } from './origins.ts';
import { RESPONSE_POLICY } from './pages.ts';
import { createPendingBytes, type PendingBytes } from './pending-bytes.ts';
import { createPipeline } from './pipeline.ts';
import { queueQueries } from './query-queue.ts';
import { sendRefusal } from './refusals.ts';
import { announcesLargeBody, isHttp1Request, isSocketUpgrade } from './request-rules.ts';
import { createRoutes, routeOf } from './routes.ts';
import { createSocketServer, type SocketServer } from './websocket.ts';
import { createGraphQLServer } from './yoga.ts';

/** The HTTP server with all its routes. */
export interface HttpServer {
  /**
   * Opens the port and returns it; requests before `open` wait.
   * @throws the system's error, such as `EADDRINUSE`.
   */
  listen(port: number, host: string): Promise<number>;
  /** Starts to respond to requests. */
  open(): void;
  /**
   * Accepts no more connections, and reports that at `/ready`. Resolves when all requests except streams have a
   * response, or after 10 seconds.
   */
  stopAccepting(): Promise<void>;
  /** Ends streams, refuses unanswered requests, and closes every connection, within 4 seconds. */
  close(): Promise<void>;
}

/** An exchange in progress. */
interface InFlightExchange {
  readonly response: ServerResponse;
  readonly path: string;
  /** Aborts the work of the exchange. */
  readonly abortController: AbortController;
}

// Created once: each abort without a reason would create an exception.
const EXCHANGE_ENDED = new Error('The exchange is over.');

const MAX_LOGGED_PATH = 200;
/** The maximum time for a request to arrive, with all waits; `limitReceiveTime` ends most earlier. */
const MAX_RECEIVE_MS = 240_000;
/** The maximum time that `stopAccepting` waits for requests. */
const MAX_REQUEST_WAIT_MS = 10_000;
/** The time that streams stay open after all other work has ended, so that they can send the last events. */
const LAST_EVENTS_GRACE_MS = 200;
/** The time after which `close` refuses requests without a response. It sends the refusals until `CLOSE_MS`. */
const REFUSE_AFTER_MS = 1_500;
/** The time after which `close` stops waiting for requests; closing the sockets then takes up to a second more. */
const CLOSE_MS = 2_000;
const CLOSE_POLL_MS = 10;

/** The state that is shared by all requests. */
interface ServerState {
  readonly deps: Deps;
  readonly routes: ReturnType<typeof createRoutes>;
  readonly pendingBytes: PendingBytes;
  readonly pageKeys: PageKeys;
  /** Requests wait until this resolves. */
  readonly whenOpen: Promise<void>;
  /** Aborts when the gateway starts to stop. */
  readonly drainSignal: AbortSignal;
  readonly inFlight: Set<InFlightExchange>;
}

/** Creates the HTTP server; it accepts nothing before `listen`, and responds to nothing before `open`. */
export function createHttpServer(deps: Deps): HttpServer {
  const executor = queueQueries(createExecutor(deps), deps);
  const pipeline = createPipeline(deps, executor);
  const documents = createDocuments(deps);
  const graphql = createGraphQLServer(deps, pipeline, documents);
  const pendingBytes = createPendingBytes(deps);
  const pageKeys = createPageKeys(deps);
  const services = { graphql, pipeline, resolve: documents.resolve };
  const sockets = createSocketServer(deps, services, { pendingBytes, pageKeys });
  const routes = createRoutes(deps, graphql, executor);
  const whenOpen = Promise.withResolvers<void>();
  // After a failed start, `stopAccepting` rejects the promise. If no request waits for the promise, the rejection would
  // be unhandled.
  whenOpen.promise.catch(() => {});
  const drainController = new AbortController();
  const inFlight = new Set<InFlightExchange>();
  const serverState = {
    deps,
    routes,
    pendingBytes,
    pageKeys,
    whenOpen: whenOpen.promise,
    drainSignal: drainController.signal,
    inFlight,
  };
  const server = createNodeServer(
    deps.config,
    (request, response, waitsForContinue) => void handle(serverState, request, response, waitsForContinue),
    (...upgrade) =>
      void whenOpen.promise.then(
        () => sockets.upgrade(...upgrade),
        () => upgrade[1].destroy(),
      ),
  );

  return {
    listen(port, host) {
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      });
    },

    open: () => whenOpen.resolve(),

    async stopAccepting() {
      drainController.abort();
      whenOpen.reject(new ShuttingDownError());
      server.close();
      const isAnswered = () => [...inFlight].every(({ response }) => isStream(response));
      await waitUntil(isAnswered, MAX_REQUEST_WAIT_MS);
    },

    async close() {
      await endRequests(inFlight, sockets);
      await sockets.close();
      pendingBytes.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

async function handle(
  serverState: ServerState,
  request: IncomingMessage,
  response: ServerResponse,
  waitsForContinue: boolean,
): Promise<void> {
  const { deps, pendingBytes, pageKeys, drainSignal } = serverState;
  const path = pathOf(request);
  const requestId = readRequestId(request);
  const abortController = new AbortController();
  const receiveTime = limitReceiveTime(request, response);
  let viewer: Viewer | undefined;
  const stopWatching = pendingBytes.watch({
    connection: request.socket,
    get client() {
      return clientFor(deps, viewer, request);
    },
    countBytes: () => response.writableLength,
    // `resetAndDestroy` also drops the bytes that the operating system has buffered.
    close: () => request.socket.resetAndDestroy(),
  });
  const exchange = { response, path, abortController };
  serverState.inFlight.add(exchange);
  response.once('close', () => {
    serverState.inFlight.delete(exchange);
    stopWatching();
    abortController.abort(EXCHANGE_ENDED);
  });
  recordExchange(deps, request, response, requestId);
  setHeaders(response, requestId);
  if (drainSignal.aborted) response.setHeader('Connection', 'close');
  try {
    const route = serverState.routes[routeOf(path)];
    if (handleOrigin(deps, request, response, () => route.listMethods(path))) return;
    // The route refuses a large body, or asks for it. A client that has not sent its body cannot use the connection again.
    if (waitsForContinue && announcesLargeBody(request)) response.setHeader('Connection', 'close');
    else if (waitsForContinue) response.writeContinue();
    await serverState.whenOpen;
    const onAuthenticated = (authenticated: Viewer) => {
      viewer = authenticated;
      const warning = pageKeys.check(viewer, request.headers);
      if (warning !== undefined) response.setHeader('Warning', warning);
    };
    const signals = { signal: abortController.signal, drainSignal };
    const body = { receiveTime, waitsForContinue };
    await route.handle({ request, response, path, requestId, ...signals, ...body, onAuthenticated });
  } catch (error) {
    if (response.writableEnded) return;
    const isRefused = error instanceof RefusalError && error.cause === undefined;
    if (!isRefused && !isDisconnect(error)) deps.failures.log(error, { requestId });
    if (response.headersSent) response.destroy();
    else sendRefusal(response, error, routeOf(path));
  }
  if (response.writableLength > 0) pendingBytes.addBytes(response.writableLength);
}

/** Sets the headers of every response. */
function setHeaders(response: ServerResponse, requestId: string): void {
  response.setHeader('X-Request-Id', requestId);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', RESPONSE_POLICY);
  response.setHeader('Cache-Control', 'private, no-store');
}

/** Waits for streams to end, closes the remaining ones, and refuses requests without a response; within `CLOSE_MS`. */
async function endRequests(inFlight: ReadonlySet<InFlightExchange>, sockets: SocketServer): Promise<void> {
  await waitUntil(() => inFlight.size + sockets.operationCount === 0, LAST_EVENTS_GRACE_MS);
  const isOver = () => inFlight.size + sockets.requestCount === 0;
  const reason = new ShuttingDownError();
  for (const { response, abortController } of inFlight) {
    // After a regular end, the client would not reconnect.
    if (isStream(response)) response.destroy();
    else abortController.abort(reason);
  }
  await waitUntil(isOver, REFUSE_AFTER_MS - LAST_EVENTS_GRACE_MS);
  for (const { response, path } of inFlight) {
    if (!response.headersSent) sendRefusal(response, reason, routeOf(path));
  }
  await waitUntil(isOver, CLOSE_MS - REFUSE_AFTER_MS);
}

async function waitUntil(condition: () => boolean, maxMs: number): Promise<void> {
  const startedAt = performance.now();
  while (!condition() && performance.now() - startedAt < maxMs) {
    await new Promise((resolve) => setTimeout(resolve, CLOSE_POLL_MS));
  }
}

/** Whether a response is a stream. */
function isStream(response: ServerResponse): boolean {
  return isStreamType(response.getHeader('Content-Type'));
}

/**
 * Creates Node's server, which closes slow, oversized or invalid requests; `upgrade` receives WebSocket upgrades. A
 * request whose client waits for `100 Continue` is handled with `waitsForContinue`.
 */
function createNodeServer(
  { keepAliveMs }: Pick<Config, 'keepAliveMs'>,
  handle: (request: IncomingMessage, response: ServerResponse, waitsForContinue: boolean) => void,
  upgrade: SocketServer['upgrade'],
): Server {
  const server = createServer({
    headersTimeout: 10_000,
    requestTimeout: MAX_RECEIVE_MS,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: keepAliveMs,
    shouldUpgradeCallback: isSocketUpgrade,
  });
  const handleValid = (request: IncomingMessage, response: ServerResponse, waitsForContinue: boolean) => {
    if (isHttp1Request(request)) handle(request, response, waitsForContinue);
    else response.writeHead(400, { Connection: 'close' }).end();
  };
  server.maxHeadersCount = 100;
  server.on('request', (request, response) => handleValid(request, response, false));
  server.on('checkContinue', (request, response) => handleValid(request, response, true));
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (!isHttp1Request(request))
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    else if (routeOf(pathOf(request)) === 'graphql') upgrade(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  return server;
}

/** Logs an exchange and records its metrics, at its end. */
function recordExchange(deps: Deps, request: IncomingMessage, response: ServerResponse, requestId: string): void {
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

/** The path without its query, which may contain private text. Proxies may send an absolute URL (RFC 9112). */
function pathOf({ url = '/' }: IncomingMessage): string {
  if (!url.startsWith('/') && URL.canParse(url)) return new URL(url).pathname;
  return url.split('?', 1)[0] ?? '/';
}

/** The client's own request id if valid, else a new one. */
function readRequestId(request: IncomingMessage): string {
  const header = request.headers['x-request-id'];
  return typeof header === 'string' && /^[\w.-]{1,128}$/.test(header) ? header : randomUUID();
}
