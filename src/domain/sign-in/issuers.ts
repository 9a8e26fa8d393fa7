import { z } from 'zod';
import { SCOPES, type Scope } from '../entities.ts';

/** The names that lead to a claim from the top of a token; one name, unless the claim is inside of another. */
export type ClaimPath = readonly string[];

/** An issuer of tokens with which people sign in. The operator trusts it for its accounts, and for no others. */
export interface OidcIssuer {
  /** The issuer's address: exactly the claim `iss` of its tokens. */
  readonly issuer: string;
  /** The names of this gateway, of which the claim `aud` must contain one. */
  readonly audiences: readonly string[];
  /** The accounts that the issuer may name, each by its id or its name. */
  readonly accounts: readonly string[];
  readonly claims: {
    /** The claim with the id or the name of the account; absent if the issuer has a single account. */
    readonly account?: ClaimPath | undefined;
    readonly scopes: ClaimPath;
    readonly name: ClaimPath;
    readonly email: ClaimPath;
  };
  /** The scopes that other values of the claim of scopes stand for, such as the roles of the issuer. */
  readonly roles: Readonly<Record<string, readonly Scope[]>>;
}

const MAX_ISSUERS = 100;
const MAX_NAMES = 1_000;

const name = z.string('must be a text').trim().min(1, 'must not be empty').max(255, 'must have at most 255 characters');

/** One name or several. */
const names = z
  .union([name.transform((one) => [one]), z.array(name)], 'must be a text or a list of texts')
  .refine((list) => list.length >= 1 && list.length <= MAX_NAMES, `must have 1 to ${MAX_NAMES} entries`);

/** The address of an issuer, as it stands in its tokens. */
const address = z.string('must be a text').refine(isIssuer, 'must be an address such as https://login.example.com');

const claim = z.union(
  [name.transform((one) => [one]), z.array(name).min(1).max(10)],
  'must be a name or a path of names',
);

const issuerRules = z
  .strictObject({
    issuer: address,
    audience: names,
    accounts: names,
    claims: z
      .strictObject({
        account: claim.optional(),
        scopes: claim.default(['scope']),
        name: claim.default(['name']),
        email: claim.default(['email']),
      })
      .prefault({}),
    roles: z.record(name, z.array(z.enum(SCOPES, `must be ${SCOPES.join(', ')}`))).default({}),
  })
  .refine(({ accounts, claims }) => accounts.length === 1 || claims.account !== undefined, {
    path: ['claims', 'account'],
    message: 'must be set if there are several accounts',
  })
  .transform(({ audience, ...issuer }): OidcIssuer => ({ ...issuer, audiences: audience }));

/** The content of `OIDC_ISSUERS_FILE`. */
export const issuersRules = z
  .array(issuerRules, 'must be a list of issuers')
  .min(1, 'must name an issuer')
  .max(MAX_ISSUERS, `must name at most ${MAX_ISSUERS} issuers`)
  .refine((issuers) => new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length, 'names an issuer twice');

/** Whether a text is the address of an issuer. Source: OpenID Connect Discovery 1.0, section 3. */
export function isIssuer(text: string): boolean {
  if (!URL.canParse(text) || text.length > 1_000) return false;
  const { protocol, search, hash, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && search === '' && hash === '' && username === '' && password === '';
}

/** Creates the issuer of a gateway whose people all belong to one account. */
export function createSingleIssuer(issuer: string, audience: string, account: string): OidcIssuer {
  const claims = { scopes: ['scope'], name: ['name'], email: ['email'] };
  return { issuer, audiences: [audience], accounts: [account], claims, roles: {} };
}
