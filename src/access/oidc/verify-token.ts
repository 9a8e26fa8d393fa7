import { decodeJwt, errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose';
import { RefusalError, SessionExpiredError, UnauthenticatedError } from '../../domain/errors.ts';
import type { OidcIssuer } from '../../domain/sign-in/issuers.ts';
import type { Clock } from '../../domain/time.ts';
import { createIssuerKeys, type IssuerKeys, type IssuerKeysDeps } from './issuer-keys.ts';
import { readKeySet } from './read-key-set.ts';

/** A token whose signature, issuer, audience and times are valid. */
export interface VerifiedToken {
  readonly issuer: OidcIssuer;
  readonly payload: JWTPayload & { readonly sub: string };
  /** The time until which the token is accepted, in milliseconds since the epoch: 60 seconds after it expires. */
  readonly validUntilMs: number;
  /** Whether the issuer still has the keys that have verified the token; asks the issuer now and then. */
  readonly isKeyCurrent: () => boolean;
}

/** Verifies a token. @throws UnauthenticatedError, SessionExpiredError, IssuerUnavailableError */
export type VerifyToken = (token: string) => Promise<VerifiedToken>;

/** Signatures that only the issuer can make. A shared secret (`HS256`) and `none` are not among them. */
const ALGORITHMS = ['RS', 'PS', 'ES'].flatMap((family) => ['256', '384', '512'].map((bits) => family + bits));
const EDWARDS_ALGORITHMS = ['EdDSA', 'Ed25519'];
const CLOCK_TOLERANCE_SECONDS = 60;
/** The types of tokens for which a header may say so. Source: RFC 8725, section 3.11; RFC 9068, section 4. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

/** Creates the verification for the given issuers. */
export function createTokenVerifier(
  issuers: readonly OidcIssuer[],
  deps: Pick<IssuerKeysDeps, 'logger'> & {
    readonly clock: Clock;
    /** A `fetch` for addresses in the operator's settings. */
    readonly fetch: typeof globalThis.fetch;
  },
): VerifyToken {
  const trusted = new Map(
    issuers.map((issuer) => {
      const read = () => readKeySet(deps.fetch, issuer.issuer);
      return [issuer.issuer, { issuer, keys: createIssuerKeys(issuer.issuer, { ...deps, read }) }];
    }),
  );
  return async (token) => {
    try {
      const { iss = '' } = decodeJwt(token);
      const found = trusted.get(iss);
      if (found === undefined) throw new UnauthenticatedError();
      return await verify(token, found, deps.clock.now());
    } catch (error) {
      if (error instanceof RefusalError) throw error;
      // The library checks everything else before the expiry.
      if (error instanceof errors.JWTExpired) throw new SessionExpiredError();
      throw new UnauthenticatedError();
    }
  };
}

async function verify(
  token: string,
  { issuer, keys }: { issuer: OidcIssuer; keys: IssuerKeys },
  now: number,
): Promise<VerifiedToken> {
  let { version } = keys;
  const findKey = async (header: JWTHeaderParameters) => {
    const key = await keys.find(header);
    version = keys.version;
    return key;
  };
  const { payload, protectedHeader } = await jwtVerify(token, findKey, {
    issuer: issuer.issuer,
    audience: [...issuer.audiences],
    algorithms: [...ALGORITHMS, ...EDWARDS_ALGORITHMS],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: new Date(now),
    requiredClaims: ['exp', 'sub'],
  });
  const { sub, exp = 0, cnf, events } = payload;
  // Tokens that are bound to a key of the client, and those that announce a logout, are no bearer tokens.
  if (!TYPES.has(protectedHeader.typ?.toLowerCase() ?? 'jwt') || cnf !== undefined || events !== undefined) {
    throw new UnauthenticatedError();
  }
  if (typeof sub !== 'string') throw new UnauthenticatedError();
  return {
    issuer,
    payload: { ...payload, sub },
    validUntilMs: (exp + CLOCK_TOLERANCE_SECONDS) * 1_000,
    isKeyCurrent: () => {
      keys.refreshIfOld();
      return keys.version === version;
    },
  };
}
