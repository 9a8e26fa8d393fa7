import { hash } from 'node:crypto';
import { coalesce } from '../../coordination/coalesce.ts';
import { createBoundedCache } from '../../domain/bounded-cache.ts';
import {
  OriginNotAllowedError,
  type RefusalError,
  SessionExpiredError,
  UnauthenticatedError,
  VisitorBlockedError,
} from '../../domain/errors.ts';
import type { Limits } from '../../domain/limits.ts';
import { networkOf } from '../../domain/network.ts';
import { type Clock, toTimestamp } from '../../domain/time.ts';
import type { SessionToken } from '../../domain/visitors/session-tokens.ts';
import type { FailureLog } from '../../failures.ts';
import type { Queryable } from '../../store/tables.ts';
import { type AccessState, EMPTY_STATE, readAccessState } from '../../store/visitors/access-state.ts';
import { findExpiryTimes } from '../../store/visitors/session-tokens.ts';
import type { SessionScope } from '../sessions.ts';
import { createRenewalToken, type ParsedRenewalToken, parseRenewalToken } from './renewal-tokens.ts';
import { type SessionClaims, signSessionToken, verifySessionToken } from './signed-tokens.ts';

/** A session whose token a client has presented, from one network. */
export interface ActiveSession extends SessionScope {
  readonly accountId: string;
  /** Aborts with the refusal when the session ends: revoked, blocked, or expired without a renewal. */
  readonly ended: AbortSignal;
  /** The present limits of the sessions of the chatbot; undefined if its owner has set none. */
  readonly limits: Limits | undefined;
}

/** Where a request comes from. */
export interface RequestSource {
  readonly address: string;
  /** The `Origin` header; absent in requests of servers and apps, and in some of the same origin. */
  readonly origin?: string | undefined;
}

/**
 * Session tokens: signs, verifies and ends them. A token is verified without a read of the database. What ends sessions
 * early is kept in memory, and read again every second and after each announced change, so it takes effect on all
 * gateways within 2 seconds.
 */
export interface SessionTokens {
  /** Signs a token, which expires at `expiresAt`. */
  sign(sessionToken: SessionToken): Promise<string>;
  /**
   * Verifies a token.
   * @throws UnauthenticatedError, SessionExpiredError, OriginNotAllowedError, VisitorBlockedError
   */
  verify(token: string, source: RequestSource): Promise<ActiveSession>;
  /** Creates the renewal tokens that the gateway's keys give, the one of the newest key first. */
  createRenewalTokens(parsed: ParsedRenewalToken): readonly string[];
  parseRenewalToken(token: string): ParsedRenewalToken | undefined;
  /** Whether an active public chatbot lists an origin. */
  isPublicOrigin(origin: string): boolean;
  readonly hasPublicOrigins: boolean;
  /** Whether an account has blocked the network of an address. */
  isBlocked(accountId: string, address: string): boolean;
  /** Reads again what ends sessions; resolves when everything committed before the call is in force. */
  refresh(): Promise<void>;
  close(): void;
}

/** The dependencies of session tokens. */
export interface SessionTokenDeps {
  readonly db: { readonly read: Queryable };
  readonly clock: Clock;
  readonly failures: Pick<FailureLog, 'log'>;
  /** Returns the keys for a purpose: the first signs, all verify. */
  readonly getKeys: (purpose: 'session-token' | 'renewal-token') => readonly Uint8Array[];
}

/** The maximum lifetime of a token, and thus how long its revocation must be known. */
export const MAX_LIFETIME_SECONDS = 3_600;
/** The time for which sockets and streams continue after their token has expired, so that its renewal can arrive. */
const GRACE_MS = 10_000;
const POLL_MS = 1_000;
const MAX_CACHED = 20_000;

interface Entry extends ActiveSession {
  readonly expiresAtMs: number;
  readonly network: string;
  readonly end: AbortController;
  /** When the session ends unless it is renewed. */
  endsAtMs: number;
  /** Remembers as whom the visitor was identified: a socket may outlive what the state knows of it. */
  keepVisitor(): void;
}

/** Creates the session tokens of one process. It knows of no revocation before the first `refresh`. */
export function createSessionTokens({ db, clock, failures, getKeys }: SessionTokenDeps): SessionTokens {
  let state: AccessState = EMPTY_STATE;
  /** The sessions by the hash of their token and their network. */
  const cache = createBoundedCache<Entry>(MAX_CACHED);
  /** All sessions that a request, socket or stream may still use, also those that the cache has evicted. */
  const active = new Set<WeakRef<Entry>>();
  const isBlocked = (accountId: string, network: string) =>
    (state.blockEnds.get(`${accountId} ${network}`) ?? '') > toTimestamp(clock.now());

  const readers: StateReaders = {
    resolveVisitorId: (visitorId) => state.joinedIds.get(visitorId) ?? visitorId,
    findLimits: (chatbotId) => state.limits.get(chatbotId),
  };

  function findRefusal({ tokenId, accountId, network }: Entry): RefusalError | undefined {
    if (state.revokedIds.has(tokenId)) return new UnauthenticatedError();
    return isBlocked(accountId, network) ? new VisitorBlockedError() : undefined;
  }

  /** Ends the sessions that are refused now, and those that have expired and were not renewed. */
  async function endSessions(): Promise<void> {
    const expired: Entry[] = [];
    for (const reference of active) {
      const entry = reference.deref();
      const refusal = entry && findRefusal(entry);
      if (refusal) entry.end.abort(refusal);
      if (entry === undefined || entry.ended.aborted) active.delete(reference);
      else {
        entry.keepVisitor();
        if (entry.endsAtMs + GRACE_MS <= clock.now()) expired.push(entry);
      }
    }
    if (expired.length > 0) await endUnlessRenewed(db.read, expired, clock.now() - GRACE_MS);
  }

  const refresh = coalesce(async () => {
    const now = clock.now();
    const since = toTimestamp(now - MAX_LIFETIME_SECONDS * 1_000 - GRACE_MS);
    state = await readAccessState(db.read, { now: toTimestamp(now), since });
    await endSessions();
  });
  const timer = setInterval(() => {
    refresh().catch((error: unknown) => failures.log(error, {}, 'cannot read which sessions have ended'));
  }, POLL_MS).unref();

  return {
    async sign(sessionToken) {
      const { id: tokenId, expiresAt } = sessionToken;
      const [key] = getKeys('session-token');
      if (key === undefined) throw new Error('There is no key to sign session tokens with.');
      return signSessionToken(key, { ...sessionToken, tokenId, expiresAtMs: Date.parse(expiresAt) }, clock.now());
    },

    async verify(token, { address, origin }) {
      const network = networkOf(address);
      const cacheKey = `${hash('sha256', token, 'base64url')} ${network}`;
      let entry = cache.get(cacheKey);
      if (entry === undefined) {
        entry = createEntry(await verifySessionToken(getKeys('session-token'), token, clock.now()), network, readers);
        cache.set(cacheKey, entry);
        active.add(new WeakRef(entry));
      }
      if (entry.expiresAtMs <= clock.now()) throw new SessionExpiredError();
      const refusal = findRefusal(entry);
      if (refusal) throw refusal;
      if (entry.origin !== null && origin !== undefined && origin !== entry.origin) throw new OriginNotAllowedError();
      return entry;
    },

    createRenewalTokens: (parsed) => getKeys('renewal-token').map((key) => createRenewalToken(key, parsed)),
    parseRenewalToken: (token) => parseRenewalToken(getKeys('renewal-token'), token),
    isPublicOrigin: (origin) => state.publicOrigins.has(origin),
    get hasPublicOrigins() {
      return state.publicOrigins.size > 0;
    },
    isBlocked: (accountId, address) => isBlocked(accountId, networkOf(address)),
    refresh,
    close: () => clearInterval(timer),
  };
}

/** Reads the present state of a session. */
interface StateReaders {
  readonly resolveVisitorId: (id: string) => string;
  readonly findLimits: (chatbotId: string) => Limits | undefined;
}

function createEntry(claims: SessionClaims, network: string, { resolveVisitorId, findLimits }: StateReaders): Entry {
  const end = new AbortController();
  let { visitorId } = claims;
  return {
    ...{ ...claims, network, end, ended: end.signal, endsAtMs: claims.expiresAtMs },
    keepVisitor() {
      visitorId = resolveVisitorId(visitorId);
    },
    get visitorId() {
      return resolveVisitorId(visitorId);
    },
    get limits() {
      return findLimits(claims.chatbotId);
    },
  };
}

/** Ends the sessions whose newest token has expired before a time, and remembers when the others end. */
async function endUnlessRenewed(db: Queryable, entries: readonly Entry[], before: number): Promise<void> {
  const expiryTimes = await findExpiryTimes(db, [...new Set(entries.map(({ tokenId }) => tokenId))]);
  for (const entry of entries) {
    entry.endsAtMs = Date.parse(expiryTimes.get(entry.tokenId) ?? '') || entry.endsAtMs;
    if (entry.endsAtMs <= before) entry.end.abort(new SessionExpiredError());
  }
}
