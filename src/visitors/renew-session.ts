import { applyAccessChange } from '../access/session-tokens/apply-change.ts';
import { hashRenewalToken, type ParsedRenewalToken } from '../access/session-tokens/renewal-tokens.ts';
import type { RequestSource } from '../access/session-tokens/session-tokens.ts';
import type { Chatbot } from '../domain/entities.ts';
import { OriginNotAllowedError, requireFound, UnauthenticatedError, VisitorBlockedError } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import type { SessionToken } from '../domain/visitors/session-tokens.ts';
import { findChatbot } from '../store/chatbots.ts';
import type { Queryable } from '../store/tables.ts';
import {
  findProvenSessionToken,
  lockSessionToken,
  type RenewableToken,
  revokeStoredToken,
  updateRenewal,
} from '../store/visitors/session-tokens.ts';
import { identifyInTransaction } from './identify-visitor.ts';
import { type IdentityDeps, type SignedIdentity, verifyIdentity } from './identity.ts';
import { type OpenedSession, RENEWABLE_MS, type SessionDeps } from './sessions.ts';
import { lockSessionVisitor, recordSeen } from './visitor-of-send.ts';

/** The time for which the previous renewal token still gives the same successor: for tabs that renew together. */
const SAME_SUCCESSOR_MS = 10_000;

/** The renewal token was replaced too long ago. */
class ReusedRenewalTokenError extends Error {}

/** A renewal that a client requests. */
export interface RenewalInput {
  readonly renewalToken: string;
  /** A JWT of a server of the account, which identifies the visitor of the session. */
  readonly identity?: string | null | undefined;
}

/**
 * Renews a session with its renewal token, which a new one replaces. A renewal token that was used more than 10 seconds
 * ago ends the session, because one of its two users must have stolen it. An identity also identifies the visitor; if it
 * is refused, the session is not renewed, and the renewal token stays valid.
 * @throws UnauthenticatedError for an unknown, expired, used or revoked renewal token; OriginNotAllowedError;
 * VisitorBlockedError; InvalidInputError for an identity that is not valid, or that of another visitor
 */
export async function renewSession(
  deps: SessionDeps & IdentityDeps,
  { renewalToken, identity }: RenewalInput,
  source: RequestSource,
): Promise<OpenedSession> {
  const parsed = deps.sessionTokens.parseRenewalToken(renewalToken);
  if (parsed === undefined) throw new UnauthenticatedError();
  const { found, chatbot } = await findRenewable(deps, parsed, source);
  const signed = identity == null ? undefined : await verifyIdentity(deps, chatbot, identity);
  try {
    const renewal = { found, renewalToken, identity: signed };
    const { sessionToken, successor } = await deps.db.transaction((trx) => renew(deps, trx, renewal));
    if (sessionToken.visitorId !== found.visitorId) await applyAccessChange(deps);
    return { sessionToken, token: await deps.sessionTokens.sign(sessionToken), renewalToken: successor };
  } catch (error) {
    if (!(error instanceof ReusedRenewalTokenError)) throw error;
    const revokedAt = toTimestamp(deps.clock.now());
    await deps.db.transaction((trx) => revokeStoredToken(trx, found.accountId, found.id, revokedAt));
    await applyAccessChange(deps);
    throw new UnauthenticatedError();
  }
}

/** Finds the session of a renewal token, if it may be renewed from `source`. */
async function findRenewable(
  { db, sessionTokens }: SessionDeps,
  { tokenId }: ParsedRenewalToken,
  source: RequestSource,
): Promise<{ found: SessionToken; chatbot: Chatbot }> {
  const found = await findProvenSessionToken(db.read, tokenId);
  if (found === undefined) throw new UnauthenticatedError();
  if (found.origin !== null && source.origin !== found.origin) throw new OriginNotAllowedError();
  if (sessionTokens.isBlocked(found.accountId, source.address)) throw new VisitorBlockedError();
  const chatbot = requireFound('Chatbot', await findChatbot(db.read, found.accountId, found.chatbotId));
  return { found, chatbot };
}

/** A renewal of a session, with its verified identity. */
interface Renewal {
  readonly found: SessionToken;
  readonly renewalToken: string;
  readonly identity: SignedIdentity | undefined;
}

/** Renews a session in a transaction. @throws ReusedRenewalTokenError */
async function renew(
  deps: SessionDeps,
  trx: Queryable,
  { found, renewalToken, identity }: Renewal,
): Promise<{ sessionToken: SessionToken; successor: string }> {
  const now = deps.clock.now();
  const visitor = identity
    ? await identifyInTransaction(trx, found, identity, now)
    : await lockSessionVisitor(trx, found.accountId, found.visitorId);
  if (visitor.isBlocked) throw new VisitorBlockedError();
  const token = await lockSessionToken(trx, found.id);
  if (
    token === undefined ||
    token.sessionToken.revokedAt !== null ||
    token.renewal.renewableUntil <= toTimestamp(now)
  ) {
    throw new UnauthenticatedError();
  }
  const successor = findSuccessor(deps, token, hashRenewalToken(renewalToken), now);
  if (successor === undefined) throw new ReusedRenewalTokenError();
  const { lifetimeSeconds } = token.sessionToken;
  const sessionToken = {
    ...token.sessionToken,
    visitorId: visitor.id,
    expiresAt: toTimestamp(now + lifetimeSeconds * 1_000),
  };
  await updateRenewal(trx, { sessionToken, renewal: successor.renewal });
  await recordSeen(trx, visitor, now);
  return { sessionToken, successor: successor.text };
}

/** The renewal token that replaces the presented one; undefined if that was replaced too long ago. */
function findSuccessor(
  { sessionTokens }: SessionDeps,
  { sessionToken: { id: tokenId }, renewal }: RenewableToken,
  presentedHash: string,
  now: number,
): { text: string; renewal: RenewableToken['renewal'] } | undefined {
  if (presentedHash === renewal.hash) {
    const number = renewal.number + 1;
    const [text = ''] = sessionTokens.createRenewalTokens({ tokenId, number });
    const renewedAt = toTimestamp(now);
    const renewableUntil = toTimestamp(now + RENEWABLE_MS);
    const hash = hashRenewalToken(text);
    return { text, renewal: { number, hash, previousHash: presentedHash, renewedAt, renewableUntil } };
  }
  const isRecent = renewal.renewedAt > toTimestamp(now - SAME_SUCCESSOR_MS);
  if (presentedHash !== renewal.previousHash || !isRecent) return undefined;
  const candidates = sessionTokens.createRenewalTokens({ tokenId, number: renewal.number });
  const text = candidates.find((each) => hashRenewalToken(each) === renewal.hash);
  return text === undefined ? undefined : { text, renewal };
}
