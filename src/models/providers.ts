import type { Viewer } from '../access/viewer.ts';
import { FAILURES, type FailureCode, type MessageFailure } from '../domain/failures.ts';
import { BUILTIN, PROVIDERS, type Provider, type ProviderKey, type ProviderModel } from '../domain/providers.ts';
import type { Database } from '../store/database.ts';
import { listProviderKeys } from '../store/provider-keys.ts';
import { listProviderModels } from '../store/provider-models.ts';
import type { ProviderAccess } from './provider-access.ts';

/** The services that `listProviders` and `getProvider` use. */
export interface ProviderDeps {
  readonly db: Database;
  readonly providerAccess: Pick<ProviderAccess, 'findCredentials'>;
}

/** The status of a provider for an account. */
export interface ProviderStatus {
  readonly name: Provider | typeof BUILTIN;
  /** Whether the provider's models can be called. */
  readonly isConfigured: boolean;
  /** Where the credentials come from; null when none are needed or none exist. */
  readonly keySource: 'ACCOUNT' | 'ENVIRONMENT' | null;
  /** The account's own key, even if it cannot be unsealed; undefined when there is none. */
  readonly ownKey: ProviderKey | undefined;
  /** The provider's models that the account has called, the most recent first. */
  readonly models: readonly ProviderModel[];
  /** The failure that a call would have now, or else the failure of the last call; null for none. */
  readonly lastError: MessageFailure | null;
}

const BUILTIN_STATUS: ProviderStatus = {
  name: BUILTIN,
  isConfigured: true,
  keySource: null,
  ownKey: undefined,
  models: [],
  lastError: null,
};

/** Lists the built-in engine, then all providers, with their status for an account. */
export async function listProviders(
  { db, providerAccess }: ProviderDeps,
  { accountId }: Pick<Viewer, 'accountId'>,
): Promise<ProviderStatus[]> {
  const keys = await listProviderKeys(db.read, accountId);
  const calledModels = await listProviderModels(db.read, accountId);
  const statuses = PROVIDERS.map(async (name): Promise<ProviderStatus> => {
    const isConfigured = (await providerAccess.findCredentials(accountId, name)) !== undefined;
    const ownKey = keys.find(({ provider }) => provider === name);
    const models = calledModels.filter(({ provider }) => provider === name);
    const failure = ownKey !== undefined && !isConfigured ? 'PROVIDER_MISCONFIGURED' : (models[0]?.failure ?? null);
    const keySource = isConfigured ? (ownKey ? 'ACCOUNT' : 'ENVIRONMENT') : null;
    return { name, isConfigured, keySource, ownKey, models, lastError: describeFailure(failure) };
  });
  return [BUILTIN_STATUS, ...(await Promise.all(statuses))];
}

/** Returns the status of one provider. */
export async function getProvider(
  deps: ProviderDeps,
  viewer: Pick<Viewer, 'accountId'>,
  name: ProviderStatus['name'],
): Promise<ProviderStatus> {
  const status = (await listProviders(deps, viewer)).find((each) => each.name === name);
  if (status === undefined) throw new Error(`There is no provider ${name}.`);
  return status;
}

/** Returns a failure with its public message; null for none. */
export function describeFailure(code: FailureCode | null): MessageFailure | null {
  return code && { code, message: FAILURES[code] };
}
