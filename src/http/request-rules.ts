import type { IncomingMessage } from 'node:http';
import { MAX_BODY_BYTES } from '../domain/shared-limits.ts';

/** The methods of `/graphql`. PUT and DELETE belong to the single connection mode of graphql-sse. */
export const GRAPHQL_METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'DELETE'];

/** The characters of a host and its port: a name, an address of IPv4, or one of IPv6 in brackets. */
const HOST_CHARACTERS = /^[\w.:[\]~-]+$/;

/**
 * Returns whether a request is one of HTTP/1.0 or 1.1 with at most one `Host`, which is valid. Node's parser also lets
 * HTTP/0.9, HTTP/2.0 and any `Host` pass. Source: RFC 9112, section 3.2.
 */
export function isHttp1Request({ httpVersionMajor, headers, rawHeaders }: IncomingMessage): boolean {
  if (httpVersionMajor !== 1) return false;
  let hostCount = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length === 4 && rawHeaders[i]?.toLowerCase() === 'host') hostCount++;
  }
  return hostCount <= 1 && isValidHost(headers.host ?? '');
}

/** Returns whether the value of `Host` is valid: the frameworks build URLs with it. It may be empty. */
function isValidHost(host: string): boolean {
  return host === '' || (HOST_CHARACTERS.test(host) && URL.canParse(`http://${host}`));
}

/**
 * Returns whether a request asks for a WebSocket. An upgrade to another protocol is ignored, because clients such as
 * Java's offer HTTP/2 (`h2c`) with every request. Source: RFC 9110, section 7.8.
 */
export function isSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** Returns the parameters in the query of a URL, which may be only a path. */
export function searchParamsOf(url: string): URLSearchParams {
  return new URLSearchParams(/\?.*/s.exec(url)?.[0]);
}

/** Returns whether a request announces a body that only some credentials allow. */
export function announcesLargeBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES;
}
