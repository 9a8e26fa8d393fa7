import type { RateLimiter } from '../coordination/rate-limiter.ts';
import type { Scope } from '../domain/entities.ts';
import { RateLimitedError, RefusalError, UnauthenticatedError } from '../domain/errors.ts';
import { hashKey, hasKeyFormat } from '../domain/key-form.ts';
import type { Limits } from '../domain/limits.ts';
import { networkOf } from '../domain/network.ts';
import { type Member, nameOfMember } from '../domain/sign-in/member.ts';
import type { Timestamp } from '../domain/time.ts';
import type { Keyring } from './keyring.ts';
import { hasJwtForm } from './oidc/jwt-form.ts';
import type { SignIn } from './oidc/sign-in.ts';
import type { ActiveSession, SessionTokens } from './session-tokens/session-tokens.ts';
import { isSessionToken } from './session-tokens/signed-tokens.ts';
import type { SessionScope } from './sessions.ts';

/** The authenticated caller of a request. */
export interface Viewer {
  readonly kind: 'API_KEY' | 'SESSION' | 'OAUTH';
  readonly accountId: string;
  /** Identifies the credential in limits, sockets, streams and caches. */
  readonly credentialId: string;
  /** The API key; null for another kind of credential. */
  readonly apiKeyId: string | null;
  /** The name under which changes are recorded: that of the API key or of the member; null for a session. */
  readonly actorName: string | null;
  readonly scopes: ReadonlySet<Scope>;
  /** Whether the API key may run only the documents of manifests: see `operations-rule.ts`. */
  readonly persistedOnly: boolean;
  /** Aborts when the credential is revoked, or expires: then the reason is a `SessionExpiredError`. */
  readonly revoked: AbortSignal;
  /** The scope of a session; absent for other credentials. */
  readonly session?: SessionScope | undefined;
  /** The person who has signed in; absent for other credentials. */
  readonly member?: Member | undefined;
  /**
   * The chatbots to which the credential is restricted; absent: all chatbots of the account. Everything of another
   * chatbot appears not to exist: see `restriction.ts`.
   */
  readonly chatbotIds?: ReadonlySet<string> | undefined;
  /** The limits that the owner has set for the API key, or for the sessions of the chatbot; absent: none. */
  readonly limits?: Limits | undefined;
  /** When the credential expires, so that `revoked` aborts; absent: never. */
  readonly expiresAt?: Timestamp | undefined;
}

/**
 * Returns the error for what the viewer's credential can no longer do; undefined while the credential is valid. To be
 * asked when something ends.
 */
export function refusalOf({ revoked }: Pick<Viewer, 'revoked'>): RefusalError | undefined {
  if (!revoked.aborted) return undefined;
  return revoked.reason instanceof RefusalError ? revoked.reason : new UnauthenticatedError();
}

/** The dependencies of authentication and rate limits. */
export interface AuthDeps {
  readonly keyring: Pick<Keyring, 'find'>;
  readonly signIn: Pick<SignIn, 'authenticate'>;
  readonly sessionTokens: Pick<SessionTokens, 'verify'>;
  readonly limiter: Pick<RateLimiter, 'consume' | 'giveBack'>;
  /** The limits for each key and for each network; 0 disables a limit for networks. */
  readonly config: {
    readonly rateLimitPerMinute: number;
    readonly anonymousRequestsPerMinute: number;
    readonly authFailuresPerMinute: number;
  };
  readonly metrics: { readonly rateLimited: { inc(): void } };
}

/** The credential of a request, a key or a token: the values of the two headers, absent if not sent. */
export interface Credential {
  /** `Authorization`: `Bearer <key or token>`, the scheme in any case. */
  readonly authorization?: string | undefined;
  /** `X-API-Key`: the bare key. Ignored when `authorization` is present. */
  readonly apiKey?: string | undefined;
  /** `Origin`, which browsers set; no part of the credential itself. */
  readonly origin?: string | undefined;
}

/** Whether the request has a credential; an empty header counts as none. */
export function hasCredential({ authorization, apiKey }: Credential): boolean {
  return Boolean(authorization || apiKey);
}

/**
 * Authenticates a credential. A valid key works even after failed attempts by other clients at its address.
 * @param address the client's address. Well-formed keys that are unknown or revoked count against its network.
 * @throws UnauthenticatedError for a malformed, unknown or revoked key, and for a token of an issuer that is not valid
 * or names a person or an account that may not sign in, without distinction; SessionExpiredError for an expired token;
 * IssuerUnavailableError.
 * @throws RateLimitedError instead, for an unknown or revoked key after too many of them from one network.
 * @throws SessionExpiredError, OriginNotAllowedError, VisitorBlockedError for a session token.
 */
export async function authenticate(
  deps: Pick<AuthDeps, 'keyring' | 'sessionTokens' | 'signIn' | 'limiter' | 'config'>,
  credential: Credential,
  address: string,
): Promise<Viewer> {
  const key = keyOf(credential);
  if (key !== undefined && isSessionToken(key)) {
    return toViewer(await deps.sessionTokens.verify(key, { address, origin: credential.origin }));
  }
  if (key !== undefined && hasJwtForm(key)) return authenticateMember(deps, key, address);
  if (key === undefined || !hasKeyFormat(key)) throw new UnauthenticatedError();
  const cached = await deps.keyring.find(hashKey(key));
  if (cached === undefined) throw await countFailure(deps, address);
  return {
    kind: cached.session === undefined ? 'API_KEY' : 'SESSION',
    accountId: cached.key.accountId,
    credentialId: cached.key.id,
    apiKeyId: cached.session === undefined ? cached.key.id : null,
    actorName: cached.session === undefined ? cached.key.name : null,
    scopes: new Set(cached.key.scopes),
    // A socket keeps its viewer, and a change of the key concerns it too.
    get persistedOnly() {
      return cached.key.persistedOnly;
    },
    revoked: cached.revoked,
    session: cached.session,
    // Sockets keep the viewer: a change of the limits applies to them too.
    get limits() {
      return cached.session === undefined ? cached.key.limits : undefined;
    },
    ...(cached.key.chatbotIds && { chatbotIds: new Set(cached.key.chatbotIds) }),
    ...(cached.key.expiresAt && { expiresAt: cached.key.expiresAt }),
  };
}

/** Authenticates a person by a token of an issuer. */
async function authenticateMember(
  deps: Pick<AuthDeps, 'signIn' | 'limiter' | 'config'>,
  token: string,
  address: string,
): Promise<Viewer> {
  try {
    const { member, scopes, ended } = await deps.signIn.authenticate(token);
    return {
      kind: 'OAUTH',
      persistedOnly: false,
      accountId: member.accountId,
      credentialId: member.id,
      apiKeyId: null,
      actorName: nameOfMember(member),
      scopes,
      revoked: ended,
      member,
    };
  } catch (error) {
    throw error instanceof UnauthenticatedError ? await countFailure(deps, address) : error;
  }
}

/** The scopes of a session, within its own conversations. */
const SESSION_SCOPES: ReadonlySet<Scope> = new Set(['READ', 'CHAT']);

function toViewer(session: ActiveSession): Viewer {
  return {
    kind: 'SESSION',
    accountId: session.accountId,
    credentialId: session.tokenId,
    apiKeyId: null,
    actorName: null,
    scopes: SESSION_SCOPES,
    persistedOnly: false,
    revoked: session.ended,
    session,
    get limits() {
      return session.limits;
    },
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

function keyOf({ authorization, apiKey }: Credential): string | undefined {
  if (!authorization) return apiKey;
  return /^bearer +(\S+)$/i.exec(authorization.trim())?.[1];
}
