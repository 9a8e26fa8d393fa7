import { onTestFinished } from 'vitest';
import { SCOPES } from '../../../src/domain/entities.ts';
import { findFirstAccount } from '../../../src/store/accounts.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../gateway.ts';

/** The name of the account that a gateway creates at its first start. */
export const ACCOUNT = 'Default';

/** The query for the person who has signed in. */
export const VIEWER = '{ viewer { kind scopes apiKey { id } account { id } member { id name email isActive } } }';

/** The answer to `VIEWER`. */
export interface SignedInViewer {
  readonly kind: string;
  readonly scopes: readonly string[];
  readonly account: { readonly id: string };
  readonly member: { readonly id: string; readonly name: string | null; readonly email: string | null } | null;
}

/** Starts a gateway whose first account is the one that issuers may name, and closes it after the test. */
export async function startSignInGateway(
  env: Readonly<Record<string, string>>,
  options: Omit<GatewayOptions, 'env'> = {},
): Promise<TestGateway> {
  const gateway = await startGateway({ ...options, env: { AUTH_FAILURES_PER_MINUTE: '0', ...env } });
  onTestFinished(() => gateway.close());
  const account = await findFirstAccount(gateway.deps.db.read);
  if (account === undefined) throw new Error('There is no account.');
  const key = await gateway.createKey(account.id, SCOPES);
  return {
    ...gateway,
    accountId: account.id,
    key,
    graphql: (query, variables, credential = key) => gateway.graphql(query, variables, credential),
  };
}

/** Asks the gateway who has signed in with a token. */
export async function askViewer(gateway: TestGateway, token: string) {
  const { status, data, errors } = await gateway.graphql<{ viewer: SignedInViewer }>(VIEWER, {}, token);
  const { code } = errors?.[0]?.extensions ?? {};
  return { status, ...(data?.viewer && { viewer: data.viewer }), ...(code !== undefined && { code }) };
}
