import type { JWTPayload } from 'jose';
import { SCOPES, type Scope } from '../../domain/entities.ts';
import { clientIdText, singleLine } from '../../domain/input.ts';
import type { ClaimPath, OidcIssuer } from '../../domain/sign-in/issuers.ts';

/** A person as the claims of a token describe them. */
export interface Identity {
  /** The id or the name of the account that the token names. */
  readonly account: string;
  /** Identifies the person at the issuer. */
  readonly subject: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Null if the token has none that can be shown. */
  readonly name: string | null;
  readonly email: string | null;
}

const MAX_SCOPE_NAMES = 1_000;
const SCOPE_PATTERN = /^chatgraph:(read|chat|manage)$/;

/**
 * Reads the claims of a verified token. A token without any scope may read.
 * @returns undefined if the token names no account or no person.
 */
export function readIdentity(
  { accounts, claims, roles }: OidcIssuer,
  payload: JWTPayload & { sub: string },
): Identity | undefined {
  const named = claims.account === undefined ? accounts[0] : readClaim(payload, claims.account);
  const { data: account } = clientIdText.safeParse(named);
  const { data: subject } = clientIdText.safeParse(payload.sub);
  // Two subjects must not become one by the removal of spaces.
  if (account === undefined || subject === undefined || subject !== payload.sub) return undefined;
  const scopes = listNames(readClaim(payload, claims.scopes)).flatMap((name) => toScopes(name, roles));
  return {
    account,
    subject,
    scopes: new Set(scopes.length > 0 ? scopes : ['READ']),
    name: singleLine(1, 255).safeParse(readClaim(payload, claims.name)).data ?? null,
    email: singleLine(1, 255).safeParse(readClaim(payload, claims.email)).data ?? null,
  };
}

function readClaim(payload: JWTPayload, path: ClaimPath): unknown {
  let value: unknown = payload;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

/** The names in a claim: a list of texts, or one text with spaces between them. Source: RFC 8693, section 4.2. */
function listNames(value: unknown): string[] {
  const list = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  return list.slice(0, MAX_SCOPE_NAMES).filter((name) => typeof name === 'string');
}

function toScopes(name: string, roles: OidcIssuer['roles']): readonly Scope[] {
  if (Object.hasOwn(roles, name)) return roles[name] ?? [];
  const scope = SCOPE_PATTERN.exec(name)?.[1]?.toUpperCase() ?? name;
  return SCOPES.filter((each) => each === scope);
}
