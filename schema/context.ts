import type { Viewer } from '../src/access/viewer.ts';
import type { AccountPosition } from '../src/conversations/account-position.ts';
import { canSeePrivateNotes } from '../src/conversations/visibility.ts';
import type { Deps } from '../src/deps.ts';
import type { Channel } from '../src/domain/entities.ts';
import type { RateLimitStatus } from '../src/domain/limits.ts';
import { createLoaders, type Loaders } from '../src/store/loaders.ts';

/** The HTTP request or WebSocket operation that is executed. */
export interface RequestInfo {
  readonly id: string;
  /** The channel of messages that the request sends. */
  readonly channel: Channel;
  /** The viewer's rate limit status, including this request. */
  readonly rateLimit: RateLimitStatus;
  /** Tells the client that the response repeats that of an earlier request; absent where the transport cannot. */
  readonly reportReplay?: (() => void) | undefined;
}

/** Creates the loaders of the objects that the viewer may see. */
export function createLoadersFor({ db }: Pick<Deps, 'db'>, viewer: Viewer): Loaders {
  return createLoaders(db.read, viewer.accountId, { withNotes: canSeePrivateNotes(viewer) });
}

/** The context of every resolver. Resolvers always have a viewer: without one, only introspection is executed. */
export interface GraphContext {
  readonly deps: Deps;
  readonly viewer: Viewer;
  /** Replaced for each event of a subscription, so that an event never shows data cached for an earlier one. */
  loaders: Loaders;
  /** Aborts when the client no longer waits for the response. */
  readonly signal: AbortSignal;
  readonly request: RequestInfo;
  /**
   * The position of the account's log before anything of the response was read, for the fields `eventCursor`; absent if
   * the operation selects none.
   */
  position?: AccountPosition;
}

/** Returns the result of a mutation with an idempotency key, and reports one that repeats that of an earlier request. */
export function reportReplay<R extends { readonly isReplay: boolean }>(result: R, { request }: GraphContext): R {
  if (result.isReplay) request.reportReplay?.();
  return result;
}

/** Replaces the loaders, before an event of a subscription is executed. */
export function renewLoaders(context: GraphContext): void {
  context.loaders = createLoadersFor(context.deps, context.viewer);
}
