import type { Viewer } from '../access/viewer.ts';
import type { MessageFailure, ProviderKey, ProviderModel } from '../domain/entities.ts';
import { FAILURES, type FailureCode } from '../domain/failures.ts';
import { BUILTIN, PROVIDERS, type Provider } from '../domain/providers.ts';
import type { Database } from '../store/database.ts';
import { listProviderKeys } from '../store/provider-keys.ts';
import { listProviderModels } from '../store/provider-models.ts';
import type { ProviderAccess } from './provider-access.ts';

/** What an account's providers are read with. */
export interface ProviderDeps {
  readonly db: Database;
  readonly providerAccess: Pick<ProviderAccess, 'findCredentials'>;
}

/** How an account stands with a provider. */
export interface ProviderStatus {
  readonly name: Provider | typeof BUILTIN;
  /** Whether its models can be asked. */
  readonly isConfigured: boolean;
  /** What they are asked with; null where nothing is needed, or nothing is there. */
  readonly keySource: 'ACCOUNT' | 'ENVIRONMENT' | null;
  /** The account's own access, which may be one that cannot be unsealed. */
  readonly own: ProviderKey | undefined;
  /** What the account has asked of it, used last first. */
  readonly models: readonly ProviderModel[];
  /** Why it would fail now, or did the last time. */
  readonly lastError: MessageFailure | null;
}

const BUILTIN_STATUS: ProviderStatus = {
  name: BUILTIN,
  isConfigured: true,
  keySource: null,
  own: undefined,
  models: [],
  lastError: null,
};

/** All that can answer: the built-in engine first, then the providers. */
export async function listProviders(
  { db, providerAccess }: ProviderDeps,
  { accountId }: Pick<Viewer, 'accountId'>,
): Promise<ProviderStatus[]> {
  const keys = await listProviderKeys(db.read, accountId);
  const used = await listProviderModels(db.read, accountId);
  const standings = PROVIDERS.map(async (name): Promise<ProviderStatus> => {
    const isConfigured = (await providerAccess.findCredentials(accountId, name)) !== undefined;
    const own = keys.find(({ provider }) => provider === name);
    const models = used.filter(({ provider }) => provider === name);
    const failure = own !== undefined && !isConfigured ? 'PROVIDER_MISCONFIGURED' : (models[0]?.failure ?? null);
    const keySource = isConfigured ? (own ? 'ACCOUNT' : 'ENVIRONMENT') : null;
    return { name, isConfigured, keySource, own, models, lastError: describeFailure(failure) };
  });
  return [BUILTIN_STATUS, ...(await Promise.all(standings))];
}

/** How an account stands with one of them. */
export async function getProvider(
  deps: ProviderDeps,
  viewer: Pick<Viewer, 'accountId'>,
  name: ProviderStatus['name'],
): Promise<ProviderStatus> {
  const found = (await listProviders(deps, viewer)).find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no provider ${name}.`);
  return found;
}

/** A reason in public words; null for none. */
export function describeFailure(code: FailureCode | null): MessageFailure | null {
  return code && { code, message: FAILURES[code] };
}
