import type { IncomingMessage, ServerResponse } from 'node:http';
import proxyAddr from 'proxy-addr';
import { createLoadersFor, type GraphContext } from '../../schema/context.ts';
import {
  authenticate,
  type Credential,
  consumeAnonymousRateLimit,
  consumeRateLimit,
  hasCredential,
  type Viewer,
} from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Channel } from '../domain/entities.ts';
import type { RateLimitStatus } from '../domain/errors.ts';
import { networkOf } from '../domain/network.ts';
import type { Client } from './pending-bytes.ts';

/** Whom the door let in, and how that one stands with its limit; nobody where no credential was sent. */
export interface Admission {
  readonly viewer: Viewer | undefined;
  readonly standing: RateLimitStatus;
}

/** What the transports hand over with each operation. */
export interface OperationSource extends Admission {
  readonly requestId: string;
  readonly transport: 'http' | 'websocket';
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
  /** Tells the client how it stands with its limit, where the transport has a place for it; the last word counts. */
  readonly tellStanding: ReportRateLimit;
  /**
   * Counts a stream that is about to be opened; absent on a WebSocket, whose operations are counted by itself.
   * @throws RateLimitedError when the key has as many as it may.
   */
  readonly claimStream?: (viewer: Viewer) => void;
}

/** Tells how a client stands with its limit; `retryAfterMs` where it was refused. */
export type ReportRateLimit = (standing: RateLimitStatus, retryAfterMs?: number) => void;

/** What the door is shown. */
export interface PresentedCredential {
  readonly credential: Credential;
  readonly address: string;
}

/** What the door says to those who show no credential. */
export const ANONYMOUS: Admission = { viewer: undefined, standing: { limit: 0, remaining: 0, resetMs: 0 } };

/**
 * The one way in: says who asks and counts the request, once per HTTP request or WebSocket operation. Without a
 * credential it lets in nobody, whose requests count for their network.
 * @throws UnauthenticatedError for a credential that does not hold; RateLimitedError.
 */
export async function createAuthenticator(
  deps: Deps,
  { credential, address }: PresentedCredential,
): Promise<Admission> {
  if (!hasCredential(credential)) {
    await consumeAnonymousRateLimit(deps, address);
    return ANONYMOUS;
  }
  const viewer = await authenticate(deps, credential, address);
  return { viewer, standing: await consumeRateLimit(deps, viewer) };
}

/** Makes what resolvers get; `channel` is that of the transport. */
export function createContext(
  deps: Deps,
  viewer: Viewer,
  channel: Channel,
  { requestId, standing, signal }: Pick<OperationSource, 'requestId' | 'standing' | 'signal'>,
): GraphContext {
  return {
    deps,
    viewer,
    loaders: createLoadersFor(deps, viewer),
    signal,
    request: { id: requestId, channel: viewer.session?.channel ?? channel, rateLimit: standing },
  };
}

/** What an HTTP request shows at the door. */
export function readCredential(deps: Pick<Deps, 'config'>, request: IncomingMessage): PresentedCredential {
  const apiKey = request.headers['x-api-key'];
  return {
    credential: {
      authorization: request.headers.authorization,
      apiKey: Array.isArray(apiKey) ? apiKey[0] : apiKey,
    },
    address: addressOf(deps, request),
  };
}

/** Where a request comes from; a proxy's word counts only if it is one of ours. */
export function addressOf({ config }: Pick<Deps, 'config'>, request: IncomingMessage): string {
  const { isTrustedProxy } = config;
  return isTrustedProxy === undefined ? (request.socket.remoteAddress ?? '') : proxyAddr(request, isTrustedProxy);
}

/** The client that bytes wait for: the viewer's key, else the network that the request came from. */
export function clientFor(deps: Pick<Deps, 'config'>, viewer: Viewer | undefined, request: IncomingMessage): Client {
  return viewer === undefined
    ? { name: `address:${networkOf(addressOf(deps, request))}`, hasKey: false }
    : { name: `key:${viewer.apiKeyId}`, hasKey: true };
}

/** Tells it in headers. Source: draft-ietf-httpapi-ratelimit-headers-11. */
export function reportRateLimitIn(response: ServerResponse): ReportRateLimit {
  return ({ limit, remaining, resetMs }, retryAfterMs) => {
    response.setHeader('RateLimit-Policy', `"burst";q=${limit};w=60`);
    response.setHeader('RateLimit', `"burst";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`);
    if (retryAfterMs !== undefined) response.setHeader('Retry-After', Math.ceil(retryAfterMs / 1_000));
  };
}
