import type { RefusalError } from '../../domain/errors.ts';
import type { GraphClient } from './graph-client.ts';

/** Whom the door let in. */
export interface Admitted {
  readonly graph: GraphClient;
  readonly accountId: string;
  /** Counts a stream that is about to be opened. @throws RateLimitedError when the key has as many as it may. */
  readonly claimStream: () => void;
}

/** What the HTTP server gives each REST request. */
export interface RestBindings {
  /**
   * Authenticates and counts the request, and tells the client how it stands with its limit.
   * @throws UnauthenticatedError, also where no credential was sent; RateLimitedError.
   */
  readonly openDoor: () => Promise<Admitted>;
  readonly requestId: string;
  /**
   * Aborts when the client leaves: nobody follows the answer any more, but it goes on. Aborts with a `ShuttingDownError`
   * when the gateway closes.
   */
  readonly signal: AbortSignal;
  /** Aborts when the gateway begins to stop: what waits for its turn is not begun here any more. Absent: it never stops. */
  readonly stopping?: AbortSignal;
}

/** How the REST API behaves. */
export interface RestOptions {
  /** How long a chat request waits for the end of its answer. */
  readonly chatTimeoutMs: number;
  /** Told of each error that is our fault, and of the cause of a refusal that has one, with that refusal. */
  readonly onError: (error: unknown, requestId: string, refusal?: RefusalError) => void;
}

/** What handlers know of their request. */
export interface RestEnv {
  Bindings: RestBindings;
  Variables: Admitted;
}
