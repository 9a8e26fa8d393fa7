import { errors, jwtVerify, SignJWT } from 'jose';
import { CHANNELS, type Channel } from '../../domain/entities.ts';
import { SessionExpiredError, UnauthenticatedError } from '../../domain/errors.ts';
import type { SessionToken } from '../../domain/visitors/session-tokens.ts';

/** The session as a token describes it. */
export interface SessionClaims
  extends Pick<SessionToken, 'accountId' | 'chatbotId' | 'visitorId' | 'origin' | 'operations' | 'channel'> {
  /** The id of the `SessionToken`. */
  readonly tokenId: string;
  /** When the token expires, in milliseconds. */
  readonly expiresAtMs: number;
}

const PREFIX = 'ics_';
const AUDIENCE = 'chatgraph session';
const ALGORITHM = 'HS256';
const MAX_CHARS = 2_000;
/** The time by which the clock of the gateway that has signed a token may be ahead. */
const MAX_SKEW_SECONDS = 60;

/** Whether a credential has the prefix of a session token; API keys have another. */
export const isSessionToken = (text: string): boolean => text.startsWith(PREFIX);

/** Signs a token: `ics_` and a JWT (HS256). */
export async function signSessionToken(
  key: Uint8Array,
  { tokenId, accountId, chatbotId, visitorId, origin, operations, channel, expiresAtMs }: SessionClaims,
  nowMs: number,
): Promise<string> {
  const jwt = await new SignJWT({
    account: accountId,
    chatbot: chatbotId,
    visitor: visitorId,
    origin,
    operations,
    channel,
  })
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
    .setAudience(AUDIENCE)
    .setJti(tokenId)
    .setIssuedAt(Math.floor(nowMs / 1_000))
    .setExpirationTime(Math.floor(expiresAtMs / 1_000))
    .sign(key);
  return PREFIX + jwt;
}

/**
 * Verifies a token with the keys of the gateway, of which any may have signed it.
 * @throws SessionExpiredError for a token that was valid once; UnauthenticatedError for any other that is not valid.
 */
export async function verifySessionToken(
  keys: readonly Uint8Array[],
  token: string,
  nowMs: number,
): Promise<SessionClaims> {
  if (token.length > MAX_CHARS) throw new UnauthenticatedError();
  for (const key of keys) {
    try {
      const { payload } = await jwtVerify(token.slice(PREFIX.length), key, {
        algorithms: [ALGORITHM],
        audience: AUDIENCE,
        currentDate: new Date(nowMs),
        requiredClaims: ['jti', 'iat', 'exp', 'account', 'chatbot', 'visitor', 'channel'],
      });
      if (Number(payload.iat) > nowMs / 1_000 + MAX_SKEW_SECONDS) throw new UnauthenticatedError();
      return toClaims(payload);
    } catch (error) {
      // The library verifies the signature before the claims.
      if (error instanceof errors.JWTExpired) throw new SessionExpiredError();
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw new UnauthenticatedError();
    }
  }
  throw new UnauthenticatedError();
}

function toClaims(payload: Readonly<Record<string, unknown>>): SessionClaims {
  const { jti, account, chatbot, visitor, origin, operations, channel, exp } = payload;
  return {
    tokenId: String(jti),
    accountId: String(account),
    chatbotId: String(chatbot),
    visitorId: String(visitor),
    origin: typeof origin === 'string' ? origin : null,
    operations: typeof operations === 'string' ? operations : null,
    channel: CHANNELS.includes(channel as Channel) ? (channel as Channel) : 'GRAPHQL',
    expiresAtMs: Number(exp) * 1_000,
  };
}
