import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import proxyAddr from 'proxy-addr';
import type { Deps } from '../deps.ts';
import { ERRORS } from '../domain/errors.ts';

/** The parts of an exchange that these routes use. */
interface OperatorExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly isDraining: boolean;
}

/**
 * Responds to the requests of operators: `/health` (the process runs), `/ready` (the process accepts requests and its
 * database responds; Redis is not needed) and `/metrics` (for Prometheus; needs METRICS_TOKEN as bearer token; without
 * that setting, open to this machine only).
 */
export async function handleOperatorRequest(
  deps: Deps,
  { path, request, response, isDraining }: OperatorExchange,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return sendRestError(response, 'METHOD_NOT_ALLOWED');
  }
  if (path === '/health') return sendJson(response, 200, { status: 'ok' });
  if (path === '/ready') {
    const isReady = !isDraining && (await deps.db.isReady());
    return sendJson(response, isReady ? 200 : 503, {
      status: isReady ? 'ready' : isDraining ? 'draining' : 'not ready',
    });
  }
  if (!mayReadMetrics(deps, request))
    return sendRestError(response, 'FORBIDDEN', 'Metrics are open to this machine only.');
  deps.metrics.subscriptions.set(deps.bus.size);
  const body = await deps.metrics.registry.metrics();
  response.writeHead(200, { 'Content-Type': deps.metrics.registry.contentType });
  response.end(body);
}

/** Sends a JSON body. */
export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** Sends a refusal in the REST format. */
export function sendRestError(
  response: ServerResponse,
  code: keyof typeof ERRORS,
  detail: string = ERRORS[code].text,
): void {
  sendJson(response, ERRORS[code].status, { detail });
}

const isInLoopback = proxyAddr.compile('loopback');

/** Returns whether an address is one of this machine. */
export const isLoopback = (address: string): boolean => isInLoopback(address, 0);

function mayReadMetrics(deps: Pick<Deps, 'config'>, request: IncomingMessage): boolean {
  const { metricsToken } = deps.config;
  if (metricsToken !== undefined) {
    const actual = Buffer.from(request.headers.authorization ?? '');
    const expected = Buffer.from(`Bearer ${metricsToken}`);
    return actual.length === expected.length && timingSafeEqual(actual, expected);
  }
  return isFromThisMachine(request);
}

/** Returns whether a client on this machine has sent the request to this machine, not through a proxy. */
export function isFromThisMachine({ headers, socket }: IncomingMessage): boolean {
  // Behind a proxy, every client appears to be on this machine. So does a web page whose host name resolves to this
  // machine.
  if (Object.keys(headers).some((name) => FORWARDING_HEADER.test(name))) return false;
  return isLoopback(socket.remoteAddress ?? '') && LOCAL_HOST.test(headers.host ?? '');
}

const FORWARDING_HEADER =
  /^(forwarded|via|x-forwarded-.+|x-original-.+|x-real-ip|(x|true)-client-ip|cf-connecting-ip)$/;
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
