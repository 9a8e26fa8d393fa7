import type { IncomingMessage } from 'node:http';
import type { Context, SubscribePayload } from 'graphql-ws';
import type { Extra } from 'graphql-ws/use/ws';
import type { WebSocket } from 'ws';
import { IssuerUnavailableError } from '../access/oidc/issuer-unavailable.ts';
import type { PageKeys } from '../access/page-keys.ts';
import { consumeAnonymousRateLimit, consumeOperation } from '../access/request-limits.ts';
import { authenticate, type Credential, hasCredential, refusalOf, type Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import {
  OriginNotAllowedError,
  RateLimitedError,
  type RefusalError,
  SessionExpiredError,
  UnauthenticatedError,
  VisitorBlockedError,
} from '../domain/errors.ts';
import { networkOf } from '../domain/network.ts';
import { MAX_SOCKETS_PER_VISITOR } from '../domain/visitors/session-tokens.ts';
import { type AuthResult, addressOf, authenticateRequest, clientFor, countViewer } from './auth.ts';
import type { Client } from './pending-bytes.ts';

/** The state of one socket. */
export interface SocketState extends Record<PropertyKey, unknown> {
  /** The viewer of the connection; absent if it has no credential. */
  viewer: Viewer;
  /** The key or network that owns this socket: its number of sockets is limited. */
  owner: string;
  /** The running operations, by their ids. */
  operations: Map<string, SocketOperation>;
}

/** The type of a socket in graphql-ws. */
export type SocketContext = Context<Record<string, unknown>, Extra & Partial<SocketState>>;

/** A running operation of a socket. */
export interface SocketOperation {
  readonly abortController: AbortController;
  /** Whether it is a subscription. */
  readonly isStream: boolean;
}

/**
 * Decides which sockets stay open, and which operations run on them. A revoked credential closes its sockets with 4401,
 * one that expires with 4403.
 */
export interface SocketAuth {
  /**
   * Authenticates a socket and counts it. Closes a refused socket and returns false. The close code is 4401 for an
   * invalid credential and 4403 for an expired token; it is 1013 above a limit of sockets, requests or failed attempts, and while keys cannot be
   * looked up.
   */
  connect(context: SocketContext): Promise<boolean>;
  /** The client to whose limit the buffered bytes of a socket are charged: its key, or its network. */
  clientOf(socket: WebSocket, request: IncomingMessage): Client;
  /** Stops counting a closed socket. */
  releaseSocket(context: SocketContext): void;
  /**
   * Authenticates and counts one operation: with the socket's credential, else with the operation's own.
   * @throws UnauthenticatedError, RateLimitedError
   */
  authenticate(context: SocketContext, payload: SubscribePayload): Promise<AuthResult>;
}

const MAX_SOCKETS_PER_KEY = 100;
const MAX_SOCKETS_PER_NETWORK = 20;
const OVERLOAD = 1013;
/** The credential is invalid: clients give up. */
const UNAUTHORIZED = [4401, 'Unauthorized'] as const;
/** The token has expired: clients get a new one, and reconnect. */
const EXPIRED = [4403, 'Token expired'] as const;

/** Creates the authentication of the sockets of one process. */
export function createSocketAuth(deps: Deps, pageKeys: PageKeys): SocketAuth {
  const counts = new Map<string, number>();
  const viewers = new WeakMap<WebSocket, Viewer>();

  /** Counts a socket for its owner; closes it if the owner has the maximum. */
  function countSocket({ extra }: SocketContext, owner: string, limit: number): boolean {
    // A socket that closed during the lookup of its credential would be counted for ever.
    if (extra.socket.readyState !== extra.socket.OPEN) return false;
    const count = counts.get(owner) ?? 0;
    if (count >= limit) return refuse(extra.socket, OVERLOAD, 'Too many sockets');
    counts.set(owner, count + 1);
    extra.owner = owner;
    return true;
  }

  return {
    async connect(context) {
      const { extra, connectionParams } = context;
      const address = addressOf(deps, extra.request);
      const credential = { ...credentialIn(connectionParams), origin: extra.request.headers.origin };
      try {
        if (!hasCredential(credential)) {
          await consumeAnonymousRateLimit(deps, address);
          return countSocket(context, `address:${networkOf(address)}`, MAX_SOCKETS_PER_NETWORK);
        }
        const viewer = await authenticate(deps, credential, address);
        pageKeys.check(viewer, extra.request.headers);
        closeWhenRevoked(extra.socket, viewer);
        extra.viewer = viewer;
        viewers.set(extra.socket, viewer);
        return viewer.session?.visitorId
          ? countSocket(context, `visitor:${viewer.session.visitorId}`, MAX_SOCKETS_PER_VISITOR)
          : countSocket(context, `key:${viewer.credentialId}`, MAX_SOCKETS_PER_KEY);
      } catch (error) {
        if (error instanceof UnauthenticatedError) return refuse(extra.socket, ...UNAUTHORIZED);
        if (isFinal(error)) return refuse(extra.socket, UNAUTHORIZED[0], error.message);
        if (error instanceof SessionExpiredError) return refuse(extra.socket, ...EXPIRED);
        if (error instanceof IssuerUnavailableError) return refuse(extra.socket, OVERLOAD, error.message);
        // Clients treat 4401 as final; after 1013 they may retry.
        if (error instanceof RateLimitedError) return refuse(extra.socket, OVERLOAD, error.message);
        deps.failures.log(error);
        return refuse(extra.socket, OVERLOAD, 'Try again later');
      }
    },

    clientOf: (socket, request) => clientFor(deps, viewers.get(socket), request),

    releaseSocket({ extra: { owner } }) {
      if (owner === undefined) return;
      const remaining = (counts.get(owner) ?? 1) - 1;
      if (remaining > 0) counts.set(owner, remaining);
      else counts.delete(owner);
    },

    async authenticate({ extra }, payload) {
      if (extra.viewer !== undefined) return countViewer(deps, extra.viewer, consumeOperation);
      const credential = {
        ...credentialIn(payload.extensions ?? undefined),
        origin: extra.request.headers.origin,
      };
      return authenticateRequest(deps, { credential, address: addressOf(deps, extra.request) }, consumeOperation);
    },
  };
}

/** Whether a session token is refused to this client for good, although it is valid. */
const isFinal = (error: unknown): error is RefusalError =>
  error instanceof OriginNotAllowedError || error instanceof VisitorBlockedError;

function closeWhenRevoked(socket: WebSocket, viewer: Viewer): void {
  const { revoked } = viewer;
  const close = () => {
    const [code, reason] = refusalOf(viewer) instanceof SessionExpiredError ? EXPIRED : UNAUTHORIZED;
    socket.close(code, reason);
  };
  revoked.addEventListener('abort', close);
  socket.once('close', () => revoked.removeEventListener('abort', close));
}

/** Closes a socket with `code`, before graphql-ws closes it with 4403, which has another meaning for clients. */
function refuse(socket: WebSocket, code: number, reason: string): false {
  socket.close(code, reason);
  return false;
}

/** A credential that is not a text, and therefore invalid; as an absent one it would leave its mistake unnoticed. */
const NOT_A_TEXT = 'not a text';

/**
 * The credential in the parameters of a connection or an operation: `authorization` or `x-api-key` in any case, at the
 * top level or inside `headers`, where GraphiQL puts the headers of its header pane.
 */
function credentialIn(params: Readonly<Record<string, unknown>> | undefined): Credential {
  const { headers } = params ?? {};
  const nested = typeof headers === 'object' && headers !== null ? Object.entries(headers) : [];
  const texts = new Map<string, string>();
  for (const [name, value] of [...nested, ...Object.entries(params ?? {})]) {
    texts.set(name.toLowerCase(), typeof value === 'string' ? value : NOT_A_TEXT);
  }
  return { authorization: texts.get('authorization'), apiKey: texts.get('x-api-key') };
}
