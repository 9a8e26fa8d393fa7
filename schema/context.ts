import type { Viewer } from '../src/access/viewer.ts';
import { canSeePrivateNotes } from '../src/conversations/visibility.ts';
import type { Deps } from '../src/deps.ts';
import type { Channel } from '../src/domain/entities.ts';
import type { RateLimitStatus } from '../src/domain/errors.ts';
import { createLoaders, type Loaders } from '../src/store/loaders.ts';

/** What the transports know of the request that brought an operation. */
export interface RequestInfo {
  readonly id: string;
  /** The channel that messages sent by it belong to. */
  readonly channel: Channel;
  /** How the viewer stood with its limit after this request was counted. */
  readonly rateLimit: RateLimitStatus;
}

/** The loaders of what the viewer may see. */
export function createLoadersFor({ db }: Pick<Deps, 'db'>, viewer: Viewer): Loaders {
  return createLoaders(db.read, viewer.accountId, { withNotes: canSeePrivateNotes(viewer) });
}

/** What every resolver gets. No resolver runs without a viewer: operations that need one are refused before. */
export interface GraphContext {
  readonly deps: Deps;
  readonly viewer: Viewer;
  /** Made anew for each event of a subscription, so that none shows what an earlier one read. */
  loaders: Loaders;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly request: RequestInfo;
}

/** Makes the loaders anew before an event of a subscription is executed. */
export function renewLoaders(context: GraphContext): void {
  context.loaders = createLoadersFor(context.deps, context.viewer);
}
