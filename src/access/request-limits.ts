import { MAX_LIMIT, type RateLimiter, type RateLimitResult } from '../coordination/rate-limiter.ts';
import type { ApiKey } from '../domain/entities.ts';
import { QueryTooComplexError, RateLimitedError } from '../domain/errors.ts';
import type { RateLimitStatus } from '../domain/limits.ts';
import { networkOf } from '../domain/network.ts';
import type { AuthDeps, Viewer } from './viewer.ts';

/**
 * Counts one request of the viewer, or `cost` of them, against the limit of its credential, and a request of a session
 * also against the limit that all sessions of its chatbot share.
 * @throws RateLimitedError when the limit is reached; the request is then not counted. QueryTooComplexError when `cost`
 * alone exceeds the limit.
 */
export async function consumeRateLimit(deps: LimitDeps, viewer: Viewer, cost = 1): Promise<RateLimitResult> {
  const [requests, shared] = [requestLimitOf(deps, viewer), sharedLimitOf(viewer)];
  const result = await consumeLimit(deps, requests, cost);
  if (shared === undefined) return result;
  try {
    await consumeLimit(deps, shared, cost);
    return result;
  } catch (error) {
    for (let request = 0; request < cost; request++) deps.limiter.giveBack(requests.key);
    throw error;
  }
}

/**
 * Counts fields that set typing indicators against the limit of their own that each key has: clients send them every few
 * seconds, and nothing is stored.
 * @throws RateLimitedError, QueryTooComplexError, like `consumeRateLimit`.
 */
export async function consumeTypingLimit(deps: LimitDeps, viewer: Viewer, count: number): Promise<RateLimitResult> {
  return consumeLimit(deps, typingLimitOf(deps, viewer), count);
}

/** The result of counting an operation whose content is not known yet. */
export interface OperationLimit {
  readonly rateLimit: RateLimitResult;
  /** The refusal of any operation that does not only set typing indicators; absent for an allowed operation. */
  readonly refusal?: RateLimitedError;
}

/**
 * Counts one operation of the viewer before its content is read. When the requests of the key are used up, the operation
 * counts against the limit for typing indicators, and is read to find out whether it sets only these.
 * @throws RateLimitedError when both limits are reached; the operation is then not counted.
 */
export async function consumeOperation(deps: LimitDeps, viewer: Viewer): Promise<OperationLimit> {
  const [requests, shared] = [requestLimitOf(deps, viewer), sharedLimitOf(viewer)];
  const rateLimit = await deps.limiter.consume(requests.key, requests.max);
  const sharedResult = rateLimit.isAllowed && shared && (await deps.limiter.consume(shared.key, shared.max));
  if (rateLimit.isAllowed && (!sharedResult || sharedResult.isAllowed)) return { rateLimit };
  if (sharedResult) deps.limiter.giveBack(requests.key);
  const refusal = shared && sharedResult ? createRefusal(shared, sharedResult) : createRefusal(requests, rateLimit);
  const typing = typingLimitOf(deps, viewer);
  if ((await deps.limiter.consume(typing.key, typing.max)).isAllowed) return { rateLimit, refusal };
  deps.metrics.rateLimited.inc();
  throw refusal;
}

/** Gives back the request of an operation that counts against the limit for typing indicators instead. */
export function giveRequestBack(deps: LimitDeps, viewer: Viewer): void {
  deps.limiter.giveBack(requestLimitOf(deps, viewer).key);
  const shared = sharedLimitOf(viewer);
  if (shared) deps.limiter.giveBack(shared.key);
}

type LimitDeps = Pick<AuthDeps, 'limiter' | 'config' | 'metrics'>;

/** A limit of a key in any 60 seconds. */
interface Limit {
  readonly key: string;
  readonly max: number;
  readonly noun: 'requests' | 'typing indicators';
}

const TYPING_PER_REQUEST = 10;

type Limited = Pick<Viewer, 'credentialId' | 'limits' | 'session'>;

const maxOf = ({ config }: Pick<AuthDeps, 'config'>, { limits, session }: Limited) =>
  (session === undefined ? limits?.perMinute : undefined) ?? config.rateLimitPerMinute;
const requestLimitOf = (deps: Pick<AuthDeps, 'config'>, viewer: Limited): Limit => ({
  key: `key:${viewer.credentialId}`,
  max: maxOf(deps, viewer),
  noun: 'requests',
});
const typingLimitOf = (deps: Pick<AuthDeps, 'config'>, viewer: Limited): Limit => ({
  key: `typing:${viewer.credentialId}`,
  max: Math.min(TYPING_PER_REQUEST * maxOf(deps, viewer), MAX_LIMIT),
  noun: 'typing indicators',
});

/** The limit that all sessions of a chatbot share, besides the limit of each; undefined if its owner has set none. */
function sharedLimitOf({ limits, session }: Pick<Viewer, 'limits' | 'session'>): Limit | undefined {
  if (session === undefined || limits?.perMinute === undefined) return undefined;
  return { key: `sessions:${session.chatbotId}`, max: limits.perMinute, noun: 'requests' };
}

/** The rate limit status of an API key, without counting a request. */
export async function rateLimitOfKey(
  deps: Pick<AuthDeps, 'config'> & { readonly limiter: Pick<RateLimiter, 'peek'> },
  { id, limits }: Pick<ApiKey, 'id' | 'limits'>,
): Promise<RateLimitStatus> {
  const { key, max } = requestLimitOf(deps, { credentialId: id, limits });
  return deps.limiter.peek(key, max);
}

async function consumeLimit(deps: LimitDeps, limit: Limit, cost: number): Promise<RateLimitResult> {
  const { key, max, noun } = limit;
  if (cost > max) {
    const message = `Each field of a mutation counts as a request. Max ${max} ${noun} per minute.`;
    throw new QueryTooComplexError(message, { cost, limit: max });
  }
  const result = await deps.limiter.consume(key, max, cost);
  if (result.isAllowed) return result;
  deps.metrics.rateLimited.inc();
  throw createRefusal(limit, result);
}

function createRefusal({ max, noun }: Limit, result: RateLimitResult): RateLimitedError {
  const message = `API rate limit exceeded. Max ${max} ${noun} per minute.`;
  return new RateLimitedError(message, result.retryAfterMs, result);
}

/**
 * Counts one request without a key against the limit of its network.
 * @throws RateLimitedError when the limit is reached; the request is then not counted.
 */
export async function consumeAnonymousRateLimit(
  { limiter, config, metrics }: Pick<AuthDeps, 'limiter' | 'config' | 'metrics'>,
  address: string,
): Promise<void> {
  const limit = config.anonymousRequestsPerMinute;
  if (limit === 0) return;
  const { isAllowed, retryAfterMs } = await limiter.consume(`anonymous:${networkOf(address)}`, limit);
  if (isAllowed) return;
  metrics.rateLimited.inc();
  throw new RateLimitedError(`Max ${limit} requests per minute without an API key.`, retryAfterMs);
}
