import type { RateLimiter, RateLimitResult } from '../coordination/rate-limiter.ts';
import type { Scope } from '../domain/entities.ts';
import { QueryTooComplexError, RateLimitedError, UnauthenticatedError } from '../domain/errors.ts';
import { hashKey, hasKeyFormat } from '../domain/key-form.ts';
import { networkOf } from '../domain/network.ts';
import type { Keyring } from './keyring.ts';
import type { SessionScope } from './sessions.ts';

/** The authenticated caller of a request. */
export interface Viewer {
  readonly kind: 'API_KEY' | 'SESSION';
  readonly accountId: string;
  readonly apiKeyId: string;
  /** The name of the API key; null for a session. */
  readonly keyName: string | null;
  readonly scopes: ReadonlySet<Scope>;
  /** Aborts when the credential is revoked. */
  readonly revoked: AbortSignal;
  /** The scope of a session; absent for API keys. */
  readonly session?: SessionScope | undefined;
}

/** The dependencies of authentication and rate limits. */
export interface AuthDeps {
  readonly keyring: Pick<Keyring, 'find'>;
  readonly limiter: Pick<RateLimiter, 'consume'>;
  /** The limits for each key and for each network; 0 disables a limit for networks. */
  readonly config: {
    readonly rateLimitPerMinute: number;
    readonly anonymousRequestsPerMinute: number;
    readonly authFailuresPerMinute: number;
  };
  readonly metrics: { readonly rateLimited: { inc(): void } };
}

/** The credential of a request: the values of the two headers, absent if not sent. */
export interface Credential {
  /** `Authorization`: `Bearer <key>`, the scheme in any case. */
  readonly authorization?: string | undefined;
  /** `X-API-Key`: the bare key. Ignored when `authorization` is present. */
  readonly apiKey?: string | undefined;
}

/** Whether the request has a credential; an empty header counts as none. */
export function hasCredential({ authorization, apiKey }: Credential): boolean {
  return Boolean(authorization || apiKey);
}

/**
 * Authenticates a credential. A valid key works even after failed attempts by other clients at its address.
 * @param address the client's address. Well-formed keys that are unknown or revoked count against its network.
 * @throws UnauthenticatedError for a malformed, unknown or revoked key, without distinction.
 * @throws RateLimitedError instead, for an unknown or revoked key after too many of them from one network.
 */
export async function authenticate(
  deps: Pick<AuthDeps, 'keyring' | 'limiter' | 'config'>,
  credential: Credential,
  address: string,
): Promise<Viewer> {
  const key = keyOf(credential);
  if (key === undefined || !hasKeyFormat(key)) throw new UnauthenticatedError();
  const cached = await deps.keyring.find(hashKey(key));
  if (cached === undefined) throw await countFailure(deps, address);
  return {
    kind: cached.session === undefined ? 'API_KEY' : 'SESSION',
    accountId: cached.key.accountId,
    apiKeyId: cached.key.id,
    keyName: cached.session === undefined ? cached.key.name : null,
    scopes: new Set(cached.key.scopes),
    revoked: cached.revoked,
    session: cached.session,
  };
}

/** Counts a failed attempt, and returns the error for the response. */
async function countFailure(
  { limiter, config }: Pick<AuthDeps, 'limiter' | 'config'>,
  address: string,
): Promise<UnauthenticatedError | RateLimitedError> {
  const limit = config.authFailuresPerMinute;
  if (limit === 0) return new UnauthenticatedError();
  const { isAllowed, retryAfterMs } = await limiter.consume(`auth:${networkOf(address)}`, limit);
  return isAllowed ? new UnauthenticatedError() : new RateLimitedError('Too many failed attempts.', retryAfterMs);
}

/**
 * Counts one request of the viewer, or `cost` of them, against the limit of its key.
 * @throws RateLimitedError when the limit is reached; the request is then not counted. QueryTooComplexError when `cost`
 * alone exceeds the limit.
 */
export async function consumeRateLimit(
  deps: Pick<AuthDeps, 'limiter' | 'config' | 'metrics'>,
  viewer: Viewer,
  cost = 1,
): Promise<RateLimitResult> {
  const limit = deps.config.rateLimitPerMinute;
  if (cost > limit) {
    const message = `Each field of a mutation counts as a request. Max ${limit} requests per minute.`;
    throw new QueryTooComplexError(message, { cost, limit });
  }
  const result = await deps.limiter.consume(`key:${viewer.apiKeyId}`, limit, cost);
  if (!result.isAllowed) {
    deps.metrics.rateLimited.inc();
    throw new RateLimitedError(
      `API rate limit exceeded. Max ${limit} requests per minute.`,
      result.retryAfterMs,
      result,
    );
  }
  return result;
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

function keyOf({ authorization, apiKey }: Credential): string | undefined {
  if (!authorization) return apiKey;
  return /^bearer +(\S+)$/i.exec(authorization.trim())?.[1];
}
