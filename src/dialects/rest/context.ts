import type { RefusalError } from '../../domain/errors.ts';
import type { GraphClient } from './graph-client.ts';

/** The context of an authenticated request. */
export interface AuthenticatedRequest {
  readonly graph: GraphClient;
  readonly accountId: string;
  /**
   * Counts a stream before it opens.
   * @throws RateLimitedError when the key has the maximum number of streams.
   */
  readonly countStream: () => void;
}

/** A session that was opened or renewed. */
export interface OpenedSession {
  readonly token: string;
  readonly expiresAt: string;
  readonly renewalToken: string;
  readonly visitorId: string;
}

type Nullish<T> = T | null | undefined;

/** The sessions of visitors, for requests without a credential. Both functions throw a `RefusalError`. */
export interface Sessions {
  /** Counts a request against the limit of its network. @throws RateLimitedError */
  countRequest(): Promise<void>;
  open(
    chatbotId: string,
    input: {
      identity: Nullish<string>;
      visitor?: { name: Nullish<string>; email: Nullish<string>; customData: Nullish<object> } | null | undefined;
    },
  ): Promise<OpenedSession>;
  renew(input: { renewalToken: string; identity: Nullish<string> }): Promise<OpenedSession>;
}

/** The values that the HTTP server provides with each REST request. */
export interface RestBindings {
  /**
   * Authenticates and counts the request, and reports the rate limit status to the client.
   * @throws UnauthenticatedError for an absent or invalid credential; ForbiddenError for a session; RateLimitedError.
   */
  readonly authenticate: () => Promise<AuthenticatedRequest>;
  readonly sessions: Sessions;
  readonly requestId: string;
  /**
   * Aborts when the client disconnects; the reply then continues without it. Aborts with a `ShuttingDownError` when the
   * gateway closes.
   */
  readonly signal: AbortSignal;
  /** Aborts when the gateway starts to stop: it then starts no queued replies. Absent: the gateway never stops. */
  readonly drainSignal?: AbortSignal;
}

/** The options of the REST API. */
export interface RestOptions {
  /** The maximum time that a chat request waits for the end of its reply. */
  readonly chatTimeoutMs: number;
  /** Called with each internal error, and with the cause of each `refusal` that has one. */
  readonly onError: (error: unknown, requestId: string, refusal?: RefusalError) => void;
}

/** The environment of the handlers. */
export interface RestEnv {
  Bindings: RestBindings;
  Variables: AuthenticatedRequest;
}
