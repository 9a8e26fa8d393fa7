import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Config } from '../config.ts';

const ALLOWED_HEADERS = 'authorization, content-type, idempotency-key, last-event-id, x-api-key, x-request-id';
const EXPOSED_HEADERS = 'idempotency-replayed, link, ratelimit, ratelimit-policy, retry-after, x-request-id';

/** Whether the origin of a request is allowed: absent (requests of servers), the gateway's own, or in the settings. */
export function isAllowedOrigin(config: Pick<Config, 'allowedOrigins'>, request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  return config.allowedOrigins.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host);
}

/**
 * Sets the headers that allow pages to read the response, if their origin is in the settings.
 * @returns true if the request was a preflight, to which this function has then responded.
 */
export function handleOrigin(
  config: Pick<Config, 'allowedOrigins'>,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { origin } = request.headers;
  if (origin !== undefined && config.allowedOrigins.includes(origin)) {
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
  }
  if (config.allowedOrigins.length > 0) response.setHeader('Vary', 'Origin');
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false;
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': ALLOWED_HEADERS,
    'Access-Control-Max-Age': '86400',
  });
  response.end();
  return true;
}
