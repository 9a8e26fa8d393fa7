import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import { createBoundedCache } from '../../domain/bounded-cache.ts';
import type { Account, Scope } from '../../domain/entities.ts';
import { SessionExpiredError, UnauthenticatedError } from '../../domain/errors.ts';
import type { OidcIssuer } from '../../domain/sign-in/issuers.ts';
import type { Member } from '../../domain/sign-in/member.ts';
import { type Clock, toTimestamp } from '../../domain/time.ts';
import { findAccountByIdOrName } from '../../store/accounts.ts';
import type { Database } from '../../store/database.ts';
import { createMemberCache } from './member-cache.ts';
import { type Identity, readIdentity } from './read-identity.ts';
import { createTokenVerifier, type VerifiedToken } from './verify-token.ts';

/** A person who is signed in by a token. */
export interface SignedIn {
  readonly member: Member;
  readonly scopes: ReadonlySet<Scope>;
  /** Aborts when the member is deactivated, or the token expires: then the reason is a `SessionExpiredError`. */
  readonly ended: AbortSignal;
}

/** The sign-in of people by tokens of the issuers that the operator trusts. */
export interface SignIn {
  /**
   * Verifies a token, and finds or creates the member whom it names. A verified token is cached until it expires, or
   * until the issuer has other keys.
   * @throws UnauthenticatedError, SessionExpiredError, IssuerUnavailableError
   */
  authenticate(token: string): Promise<SignedIn>;
  /** Reads every cached member again, and ends what the tokens of deactivated members have open. */
  refresh(): Promise<void>;
  close(): void;
}

/** The services that the sign-in uses. */
export interface SignInDeps {
  readonly issuers: readonly OidcIssuer[];
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A `fetch` for addresses in the operator's settings. */
  readonly fetch: typeof globalThis.fetch;
}

interface CachedToken extends Pick<SignedIn, 'scopes'> {
  readonly memberId: string;
  readonly accountId: string;
  end: AbortController;
  readonly validUntilMs: number;
  isKeyCurrent: () => boolean;
}

const MAX_TOKENS = 10_000;
const MAX_TOKENS_PER_MEMBER = 100;
const EXPIRY_CHECK_MS = 500;

/** Creates the sign-in of one process. */
export function createSignIn(deps: SignInDeps): SignIn {
  const { issuers, clock } = deps;
  const verify = createTokenVerifier(issuers, deps);
  // What an evicted token has open ends like that of an expired one: its client reconnects.
  const tokens = createBoundedCache<CachedToken>(MAX_TOKENS, ({ end }) => end.abort(new SessionExpiredError()));
  const members = createMemberCache(deps, endTokensOf);
  const timer = setInterval(removeExpired, EXPIRY_CHECK_MS).unref();

  const isExpired = ({ validUntilMs }: CachedToken) => clock.now() >= validUntilMs;

  function removeExpired(): void {
    for (const [key, token] of [...tokens.entries()]) if (isExpired(token)) tokens.delete(key);
  }

  /** The tokens stay cached, so that refusing them costs little. */
  function endTokensOf(memberId: string): void {
    for (const token of tokens.values()) if (token.memberId === memberId) token.end.abort(new UnauthenticatedError());
  }

  /** Adds a token, and removes the least recently used one of a member with many: nobody crowds out the others. */
  function add(key: string, token: CachedToken): void {
    const ofMember = [...tokens.entries()].filter(([, { memberId }]) => memberId === token.memberId);
    for (const [oldest] of ofMember.slice(MAX_TOKENS_PER_MEMBER - 1)) tokens.delete(oldest);
    tokens.set(key, token);
  }

  function toSignedIn(token: CachedToken, member: Member | undefined): SignedIn {
    if (!member?.isActive || members.isKnownInactive(member.id)) throw new UnauthenticatedError();
    // The member was deactivated and reactivated.
    if (token.end.signal.aborted) token.end = new AbortController();
    return { member, scopes: token.scopes, ended: token.end.signal };
  }

  /** Verifies a token that is not cached, or again. */
  async function enter(token: string, key: string): Promise<SignedIn> {
    const verified = await verify(token).catch((error) => {
      // The issuer no longer has the key.
      tokens.peek(key)?.end.abort(error);
      tokens.delete(key);
      throw error;
    });
    const identity = readIdentity(verified.issuer, verified.payload);
    if (identity === undefined) throw new UnauthenticatedError();
    const account = await findNamedAccount(deps.db, verified.issuer, identity);
    if (account === undefined) throw new UnauthenticatedError();
    const member = await members.enter({ ...describe(verified, identity, clock.now()), accountId: account.id });
    const { validUntilMs, isKeyCurrent } = verified;
    const { scopes } = identity;
    // Another request may have added the token meanwhile.
    const entry = tokens.get(key) ?? {
      ...{ memberId: member.id, accountId: account.id, scopes, validUntilMs, isKeyCurrent },
      end: new AbortController(),
    };
    entry.isKeyCurrent = isKeyCurrent;
    if (!tokens.has(key)) add(key, entry);
    return toSignedIn(entry, member);
  }

  return {
    async authenticate(token) {
      if (issuers.length === 0) throw new UnauthenticatedError();
      const key = hash('sha256', token, 'base64');
      const cached = tokens.get(key);
      if (cached === undefined) return enter(token, key);
      if (isExpired(cached)) {
        tokens.delete(key);
        throw new SessionExpiredError();
      }
      if (!cached.isKeyCurrent()) return enter(token, key);
      return toSignedIn(cached, await members.find(cached.accountId, cached.memberId));
    },

    refresh: () => members.refresh(),

    close() {
      clearInterval(timer);
    },
  };
}

/** Finds the account that a token names; undefined if there is none, or the issuer may not name it. */
async function findNamedAccount(
  db: Database,
  { accounts }: OidcIssuer,
  { account: idOrName }: Identity,
): Promise<Account | undefined> {
  const account = await findAccountByIdOrName(db.read, idOrName);
  const isListed = account && accounts.some((listed) => listed.toLowerCase() === account.id || listed === account.name);
  return isListed ? account : undefined;
}

function describe({ issuer, payload }: VerifiedToken, { subject, name, email }: Identity, now: number) {
  const issuedAtMs = typeof payload.iat === 'number' ? Math.max(0, Math.min(payload.iat * 1_000, now)) : now;
  return { issuer: issuer.issuer, subject, name, email, describedAt: toTimestamp(issuedAtMs) };
}
