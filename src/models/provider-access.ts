import { createHmac, randomBytes } from 'node:crypto';
import type { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Background } from '../background.ts';
import type { Config } from '../config.ts';
import type { ModelName } from '../domain/answering.ts';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import { AnswerFailure, type FailureCode } from '../domain/failures.ts';
import { PROVIDERS, type Provider } from '../domain/providers.ts';
import { type Clock, toTimestamp } from '../domain/time.ts';
import type { Metrics } from '../metrics.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { AddressRefusedError } from '../outbound/guard.ts';
import { createGuardedFetch } from '../outbound/guarded-fetch.ts';
import { openPlainFetch } from '../outbound/plain-fetch.ts';
import { ProxyError } from '../outbound/proxy.ts';
import { createResolve } from '../outbound/resolve.ts';
import type { Sealer } from '../secrets.ts';
import type { Database } from '../store/database.ts';
import { ANSWER_STEP_RETRY_MS, retryStep } from '../store/engines/retry.ts';
import { listProviderKeys, type StoredProviderKey } from '../store/provider-keys.ts';
import { writeModelOutcome } from '../store/provider-models.ts';
import type { ProviderCredentials } from './model-types.ts';
import { unsealProviderKey } from './sealed-keys.ts';

/** The credentials with which accounts call models, and the outcomes of the calls. */
export interface ProviderAccess {
  /**
   * Finds an account's credentials for a provider: its own, or else the operator's; the two are never mixed. Undefined
   * when there are none, when the account's own cannot be unsealed, and for an unknown provider.
   */
  findCredentials(accountId: string, provider: string): Promise<ProviderCredentials | undefined>;
  /**
   * Counts a failure, and stores the outcome of a call in the background. An outcome that equals the model's last one
   * is stored at most once a minute. `failure` is null for a success. If `name` has no model, nothing is stored.
   */
  recordOutcome(accountId: string, name: ModelName, failure: FailureCode | null): void;
  /** A `fetch` for addresses in the operator's settings. */
  readonly operatorFetch: typeof globalThis.fetch;
  /** Drops the cached credentials of an account, or of all accounts. */
  invalidate(accountId?: string): void;
  close(): Promise<void>;
}

/** The services that provider access uses. */
export interface ProviderAccessDeps {
  readonly config: Pick<Config, 'models' | 'allowedAddresses' | 'proxies'>;
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'modelFailures'>;
  readonly background: Background;
  readonly sealer: Sealer;
}

/** An account's own credentials by provider; null when they cannot be unsealed. */
type OwnCredentials = ReadonlyMap<string, ProviderCredentials | null>;

const MAX_CREDENTIALS_AGE_MS = 10_000;
const OUTCOME_INTERVAL_MS = 60_000;
/** Cache sizes; the least recently used entry is dropped. */
const MAX_ACCOUNTS = 1_000;
const MAX_OUTCOMES = 10_000;

/** Creates the provider access of one process, which caches an account's credentials for 10 seconds. */
export function createProviderAccess(deps: ProviderAccessDeps): ProviderAccess {
  const { config, metrics } = deps;
  const plainConnection = openPlainFetch(config.proxies);
  const plainFetch = convertRefusals(plainConnection.fetch);
  const rules = createAddressRules(config.allowedAddresses);
  const identify = createIdentify();
  const operatorCredentials = readOperatorCredentials(config.models, identify, plainFetch);
  const accountCache: CredentialsCache = {
    deps,
    identify,
    plainFetch,
    guardedFetch: convertRefusals(createGuardedFetch(rules, createResolve(), config.proxies)),
    accounts: createBoundedCache(MAX_ACCOUNTS),
    closed: new AbortController(),
  };
  const outcomes: Outcomes = createBoundedCache(MAX_OUTCOMES);

  return {
    operatorFetch: plainFetch,

    async findCredentials(accountId, provider) {
      const own = (await getOwnCredentials(accountCache, accountId)).get(provider);
      return own === undefined ? operatorCredentials.get(provider) : (own ?? undefined);
    },

    recordOutcome(accountId, { provider, model }, failure) {
      if (failure !== null) metrics.modelFailures.inc({ provider, code: failure });
      if (model !== null) writeOutcome(deps, outcomes, accountId, { provider, model, failure });
    },

    invalidate(accountId) {
      if (accountId === undefined) {
        accountCache.accounts.clear();
        outcomes.clear();
        return;
      }
      accountCache.accounts.delete(accountId);
      for (const key of outcomes.keys()) if (key.startsWith(`${accountId} `)) outcomes.delete(key);
    },

    close() {
      accountCache.closed.abort();
      return plainConnection.close();
    },
  };
}

/** Reads the operator's credentials, by provider. */
function readOperatorCredentials(
  models: Config['models'],
  identify: Identify,
  fetch: ProviderCredentials['fetch'],
): ReadonlyMap<string, ProviderCredentials> {
  const credentials = new Map<string, ProviderCredentials>();
  for (const provider of PROVIDERS) {
    const { apiKey, baseUrl } = models.access[provider];
    const isConfigured = provider === 'open' ? baseUrl !== undefined : apiKey !== undefined;
    if (isConfigured)
      credentials.set(provider, { apiKey, baseUrl, identity: identify('', provider, apiKey, baseUrl), fetch });
  }
  return credentials;
}

/** The cached credentials of accounts, and what loading them needs. */
interface CredentialsCache {
  readonly deps: ProviderAccessDeps;
  readonly identify: Identify;
  readonly plainFetch: ProviderCredentials['fetch'];
  readonly guardedFetch: ProviderCredentials['fetch'];
  readonly accounts: LRUCache<string, { readonly readAt: number; readonly credentials: Promise<OwnCredentials> }>;
  readonly closed: AbortController;
}

function getOwnCredentials(cache: CredentialsCache, accountId: string): Promise<OwnCredentials> {
  const { accounts } = cache;
  const { clock } = cache.deps;
  const cached = accounts.get(accountId);
  if (cached !== undefined && clock.monotonicMs() - cached.readAt < MAX_CREDENTIALS_AGE_MS) return cached.credentials;
  const credentials = readOwnCredentials(cache, accountId);
  const entry = { readAt: clock.monotonicMs(), credentials };
  accounts.set(accountId, entry);
  credentials.catch(() => {
    if (accounts.peek(accountId) === entry) accounts.delete(accountId);
  });
  return credentials;
}

async function readOwnCredentials(cache: CredentialsCache, accountId: string): Promise<OwnCredentials> {
  const { db, logger } = cache.deps;
  const keys = await retryStep(() => listProviderKeys(db.read, accountId), {
    signal: cache.closed.signal,
    unavailableRetryMs: ANSWER_STEP_RETRY_MS,
    otherErrorRetryMs: 0,
    onFirstFailure: (err) => logger.warn({ err, accountId }, 'cannot read the provider keys; retrying'),
  });
  return new Map(keys.map((key) => [key.provider, unsealCredentials(cache, key)]));
}

function unsealCredentials(cache: CredentialsCache, key: StoredProviderKey): ProviderCredentials | null {
  const { sealer, logger } = cache.deps;
  const { accountId, provider } = key;
  const unsealed = unsealProviderKey(sealer, key);
  if (unsealed === undefined) {
    logger.warn({ accountId, provider }, 'cannot unseal a key: it was sealed with another SECRET_KEY');
    return null;
  }
  const [apiKey, baseUrl] = [unsealed ?? undefined, key.baseUrl ?? undefined];
  const identity = cache.identify(accountId, provider, apiKey, baseUrl);
  return { apiKey, baseUrl, identity, fetch: baseUrl === undefined ? cache.plainFetch : cache.guardedFetch };
}

/** The last stored outcome of each model's calls, by account, provider and model. */
type Outcomes = LRUCache<string, { readonly at: number; readonly failure: FailureCode | null }>;

/** Stores the outcome of a call in the background, unless the same outcome was just stored. */
function writeOutcome(
  { db, clock, background }: ProviderAccessDeps,
  outcomes: Outcomes,
  accountId: string,
  call: { readonly provider: string; readonly model: string; readonly failure: FailureCode | null },
): void {
  const { provider, model, failure } = call;
  const key = `${accountId} ${provider} ${model}`;
  const stored = outcomes.get(key);
  const now = clock.monotonicMs();
  if (stored?.failure === failure && now - stored.at < OUTCOME_INTERVAL_MS) return;
  outcomes.set(key, { at: now, failure });
  const outcome = { ...call, at: toTimestamp(clock.now()) };
  background.run('store the outcome of a model call', () =>
    db.transaction((trx) => writeModelOutcome(trx, accountId, outcome)),
  );
}

/** Wraps a fetch so that a refusal by the gateway or by a proxy counts as a misconfiguration, which is not retried. */
function convertRefusals(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      if (error instanceof AddressRefusedError)
        throw new AnswerFailure('PROVIDER_MISCONFIGURED', `The address is refused. ${error.message}`);
      // A proxy that fails, or that cannot reach the model, may recover.
      const isRefusal = error instanceof ProxyError && (error.statusCode ?? 500) < 500;
      throw isRefusal ? new AnswerFailure('PROVIDER_MISCONFIGURED', error.message) : error;
    }
  };
}

type Identify = ReturnType<typeof createIdentify>;

/**
 * Creates a function that identifies credentials by a hash. The salt is random for each process, so that nobody can
 * find a key by hashing guesses.
 */
function createIdentify() {
  const salt = randomBytes(32);
  return (accountId: string, provider: Provider, apiKey: string | undefined, baseUrl: string | undefined): string =>
    createHmac('sha256', salt)
      .update(JSON.stringify([accountId, provider, apiKey ?? null, baseUrl ?? null]))
      .digest('base64url');
}
