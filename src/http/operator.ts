import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import proxyAddr from 'proxy-addr';
import type { Deps } from '../deps.ts';
import { ERRORS } from '../domain/errors.ts';
import { addressOf } from './door.ts';

/** What of an exchange is looked at. */
interface OperatorExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly isDraining: boolean;
}

/**
 * Answers what operators ask: `/health` (the process runs), `/ready` (it takes requests, and its database answers) and
 * `/metrics` (for Prometheus; with METRICS_TOKEN as bearer, else from this machine only).
 */
export async function answerOperator(
  deps: Deps,
  { path, request, response, isDraining }: OperatorExchange,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return sendDetail(response, 'METHOD_NOT_ALLOWED');
  }
  if (path === '/health') return sendJson(response, 200, { status: 'ok' });
  if (path === '/ready') {
    const isReady = !isDraining && (await deps.db.isReady());
    return sendJson(response, isReady ? 200 : 503, {
      status: isReady ? 'ready' : isDraining ? 'draining' : 'not ready',
    });
  }
  if (!mayReadMetrics(deps, request))
    return sendDetail(response, 'FORBIDDEN', 'Metrics are open to this machine only.');
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

/** Sends a refusal in the form of REST. */
export function sendDetail(
  response: ServerResponse,
  code: keyof typeof ERRORS,
  detail: string = ERRORS[code].text,
): void {
  sendJson(response, ERRORS[code].status, { detail });
}

const isLoopback = proxyAddr.compile('loopback');

function mayReadMetrics(deps: Pick<Deps, 'config'>, request: IncomingMessage): boolean {
  const { metricsToken } = deps.config;
  if (metricsToken !== undefined) {
    const given = Buffer.from(request.headers.authorization ?? '');
    const wanted = Buffer.from(`Bearer ${metricsToken}`);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
  // Behind a proxy that we do not know, everybody seems to be this machine.
  const isForwarded = request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined;
  if (isForwarded && deps.config.isTrustedProxy === undefined) return false;
  return isLoopback(addressOf(deps, request), 0);
}
