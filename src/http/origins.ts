import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Deps } from '../deps.ts';

/** The headers of responses that clients use, beside those that every page may read. */
const EXPOSED_HEADERS = [
  'Allow',
  'Idempotency-Replayed',
  'Link',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Warning',
  'X-Request-Id',
].join(', ');
/** The time for which browsers may cache the response to a preflight; most cache it for less. */
const MAX_AGE_SECONDS = 86_400;

/** The settings and the public chatbots that list origins. */
type OriginDeps = Pick<Deps, 'config' | 'sessionTokens'>;

/**
 * Whether the origin of a request is allowed: absent (requests of servers), the gateway's own, in the settings, or listed
 * by an active public chatbot.
 */
export function isAllowedOrigin(deps: OriginDeps, request: IncomingMessage): boolean {
  const { origin } = request.headers;
  return origin === undefined || isOwnOrigin(request) || isListed(deps, origin);
}

/** Whether a page of the gateway itself sends the request. */
export function isOwnOrigin({ headers: { origin, host } }: Pick<IncomingMessage, 'headers'>): boolean {
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

const isListed = ({ config, sessionTokens }: OriginDeps, origin: string): boolean =>
  config.allowedOrigins.includes(origin) || sessionTokens.isPublicOrigin(origin);

/**
 * Sets the headers that allow pages to read the response, if their origin is in the settings or listed by an active public
 * chatbot. Browsers must never send cookies along: no header allows it.
 * @param methods the methods of the path; none if the path does not exist.
 * @returns true if the request was a preflight, to which this function has then responded. Source: Fetch, section 3.3.
 */
export function handleOrigin(
  deps: OriginDeps,
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  methods: () => readonly string[],
): boolean {
  const { origin, 'access-control-request-method': requestedMethod } = headers;
  const isAllowed = origin !== undefined && isListed(deps, origin);
  if (isAllowed) {
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
  }
  if (deps.config.allowedOrigins.length > 0 || deps.sessionTokens.hasPublicOrigins)
    response.setHeader('Vary', 'Origin');
  if (method !== 'OPTIONS' || requestedMethod === undefined) return false;
  if (isAllowed) allowRequest(response, { requestedMethod, headers }, methods());
  response.writeHead(204).end();
  return true;
}

/**
 * Allows the methods of a path, and all request headers: tracing and client libraries add headers of their own. If the
 * path does not exist, allows any method, so that the page can read the 404 instead of an error of the preflight.
 */
function allowRequest(
  response: ServerResponse,
  { requestedMethod, headers }: { requestedMethod: string; headers: IncomingHttpHeaders },
  methods: readonly string[],
): void {
  const requestedHeaders = headers['access-control-request-headers'];
  response.setHeader('Access-Control-Allow-Methods', methods.length > 0 ? methods.join(', ') : requestedMethod);
  if (requestedHeaders !== undefined) response.setHeader('Access-Control-Allow-Headers', requestedHeaders);
  response.setHeader('Access-Control-Max-Age', MAX_AGE_SECONDS);
  response.appendHeader('Vary', ['Access-Control-Request-Method', 'Access-Control-Request-Headers']);
}
