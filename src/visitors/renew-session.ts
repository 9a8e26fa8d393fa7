import { applyAccessChange } from '../access/session-tokens/apply-change.ts';
import { hashRenewalToken, type ParsedRenewalToken } from '../access/session-tokens/renewal-tokens.ts';
import type { RequestSource } from '../access/session-tokens/session-tokens.ts';
import { OriginNotAllowedError, requireFound, UnauthenticatedError, VisitorBlockedError } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import { findChatbot } from '../store/chatbots.ts';
import type { Queryable } from '../store/tables.ts';
import {
  findProvenSessionToken,
  lockSessionToken,
  type RenewableToken,
  revokeStoredToken,
  updateRenewal,
} from '../store/visitors/session-tokens.ts';
import { type OpenedSession, RENEWABLE_MS, type SessionDeps } from './sessions.ts';
import { lockSessionVisitor, recordSeen } from './visitor-of-send.ts';

/** How long the renewal token before the last renewal still gives the same successor: for tabs that renew together. */
const SAME_SUCCESSOR_MS = 10_000;

/**
 * Renews a session with its renewal token, which a new one replaces. A renewal token that was used more than 10 seconds
 * ago ends the session, because one of its two users must have stolen it.
 * @throws UnauthenticatedError for an unknown, expired, used or revoked renewal token; OriginNotAllowedError;
 * VisitorBlockedError
 */
export async function renewSession(
  deps: SessionDeps,
  renewalToken: string,
  source: RequestSource,
): Promise<OpenedSession> {
  const parsed = deps.sessionTokens.parseRenewalToken(renewalToken);
  if (parsed === undefined) throw new UnauthenticatedError();
  const renewed = await deps.db.transaction((trx) => renew(deps, trx, { parsed, renewalToken, source }));
  if (renewed === undefined) {
    await applyAccessChange(deps);
    throw new UnauthenticatedError();
  }
  const { sessionToken, successor } = renewed;
  return { sessionToken, token: await deps.sessionTokens.sign(sessionToken), renewalToken: successor };
}

/** A renewal that a client requests. */
interface RequestedRenewal {
  readonly parsed: ParsedRenewalToken;
  readonly renewalToken: string;
  readonly source: RequestSource;
}

/** Renews a session in a transaction. Returns undefined if it has revoked the session instead. */
async function renew(
  deps: SessionDeps,
  trx: Queryable,
  { parsed: { tokenId }, renewalToken, source }: RequestedRenewal,
): Promise<{ sessionToken: OpenedSession['sessionToken']; successor: string } | undefined> {
  const now = deps.clock.now();
  const found = await findProvenSessionToken(trx, tokenId);
  if (found === undefined) throw new UnauthenticatedError();
  if (found.origin !== null && source.origin !== found.origin) throw new OriginNotAllowedError();
  if (deps.sessionTokens.isBlocked(found.accountId, source.address)) throw new VisitorBlockedError();
  requireFound('Chatbot', await findChatbot(trx, found.accountId, found.chatbotId));
  const visitor = await lockSessionVisitor(trx, found.accountId, found.visitorId);
  if (visitor.isBlocked) throw new VisitorBlockedError();
  const token = await lockSessionToken(trx, tokenId);
  if (
    token === undefined ||
    token.sessionToken.revokedAt !== null ||
    token.renewal.renewableUntil <= toTimestamp(now)
  ) {
    throw new UnauthenticatedError();
  }
  const successor = findSuccessor(deps, token, hashRenewalToken(renewalToken), now);
  if (successor === undefined) {
    await revokeStoredToken(trx, found.accountId, tokenId, toTimestamp(now));
    return undefined;
  }
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
