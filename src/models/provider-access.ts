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
import type { Sealer } from '../secrets.ts';
import type { Database } from '../store/database.ts';
import { ANSWER_STEP_MS, retryStep } from '../store/engines/retry.ts';
import { listProviderKeys, type StoredProviderKey } from '../store/provider-keys.ts';
import { writeModelOutcome } from '../store/provider-models.ts';
import type { ProviderCredentials } from './model-call.ts';
import { unsealProviderKey } from './sealed-keys.ts';

/** Who may ask which models, and what came of it. */
export interface ProviderAccess {
  /**
   * Finds what an account reaches a provider with: its own access, which goes before that of the operator as a whole.
   * Undefined where there is neither, where its own cannot be unsealed, and for a name that is no provider's.
   */
  findCredentials(accountId: string, provider: string): Promise<ProviderCredentials | undefined>;
  /**
   * Counts a failure, and remembers in the background how a call ended, null for well: whenever that is another end than
   * the last, and else once a minute at most. Where no model is named there is nothing to remember.
   */
  recordOutcome(accountId: string, name: ModelName, failure: FailureCode | null): void;
  /** Reads again what an account has of its own, or all have, when it is needed next. */
  invalidate(accountId?: string): void;
  close(): Promise<void>;
}

/** What access needs. */
export interface ProviderAccessDeps {
  readonly config: Pick<Config, 'models' | 'allowedAddresses'>;
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'modelFailures'>;
  readonly background: Background;
  readonly sealer: Sealer;
}

/** By provider; null where the account's own cannot be unsealed. */
type OwnAccess = ReadonlyMap<string, ProviderCredentials | null>;

const MAX_AGE_MS = 10_000;
const OUTCOME_INTERVAL_MS = 60_000;
const MAX_ACCOUNTS = 1_000;
const MAX_OUTCOMES = 10_000;

/** Makes the access of one process. What it has read of an account is read again after 10 seconds. */
export function createProviderAccess(deps: ProviderAccessDeps): ProviderAccess {
  const { config, metrics } = deps;
  const plain = openPlainFetch();
  const identify = createIdentities();
  const ofOperator = readOperatorAccess(config.models, identify, plain.fetch);
  const own: OwnAccessCache = {
    deps,
    identify,
    plainFetch: plain.fetch,
    guardedFetch: explainRefusals(createGuardedFetch(createAddressRules(config.allowedAddresses))),
    accounts: createBoundedCache(MAX_ACCOUNTS),
    closed: new AbortController(),
  };
  const outcomes: Outcomes = createBoundedCache(MAX_OUTCOMES);

  return {
    async findCredentials(accountId, provider) {
      const access = (await getOwnAccess(own, accountId)).get(provider);
      return access === undefined ? ofOperator.get(provider) : (access ?? undefined);
    },

    recordOutcome(accountId, { provider, model }, failure) {
      if (failure !== null) metrics.modelFailures.inc({ provider, code: failure });
      if (model !== null) writeOutcome(deps, outcomes, accountId, { provider, model, failure });
    },

    invalidate(accountId) {
      if (accountId === undefined) {
        own.accounts.clear();
        outcomes.clear();
        return;
      }
      own.accounts.delete(accountId);
      for (const name of outcomes.keys()) if (name.startsWith(`${accountId} `)) outcomes.delete(name);
    },

    close() {
      own.closed.abort();
      return plain.close();
    },
  };
}

/** What the operator reaches providers with, by provider. */
function readOperatorAccess(
  models: Config['models'],
  identify: Identify,
  fetch: ProviderCredentials['fetch'],
): ReadonlyMap<string, ProviderCredentials> {
  const found = new Map<string, ProviderCredentials>();
  for (const provider of PROVIDERS) {
    const { apiKey, baseUrl } = models.access[provider];
    const isConfigured = provider === 'open' ? baseUrl !== undefined : apiKey !== undefined;
    if (isConfigured)
      found.set(provider, { apiKey, baseUrl, identity: identify('', provider, apiKey, baseUrl), fetch });
  }
  return found;
}

/** What accounts have of their own, as it was read last. */
interface OwnAccessCache {
  readonly deps: ProviderAccessDeps;
  readonly identify: Identify;
  readonly plainFetch: ProviderCredentials['fetch'];
  readonly guardedFetch: ProviderCredentials['fetch'];
  readonly accounts: LRUCache<string, { readonly at: number; readonly own: Promise<OwnAccess> }>;
  readonly closed: AbortController;
}

function getOwnAccess(cache: OwnAccessCache, accountId: string): Promise<OwnAccess> {
  const { accounts } = cache;
  const { clock } = cache.deps;
  const known = accounts.get(accountId);
  if (known !== undefined && clock.monotonicMs() - known.at < MAX_AGE_MS) return known.own;
  const own = readOwnAccess(cache, accountId);
  const entry = { at: clock.monotonicMs(), own };
  accounts.set(accountId, entry);
  own.catch(() => {
    if (accounts.peek(accountId) === entry) accounts.delete(accountId);
  });
  return own;
}

async function readOwnAccess(cache: OwnAccessCache, accountId: string): Promise<OwnAccess> {
  const { db, logger } = cache.deps;
  const keys = await retryStep(() => listProviderKeys(db.read, accountId), {
    signal: cache.closed.signal,
    unavailableMs: ANSWER_STEP_MS,
    brokenMs: 0,
    onFirstFailure: (err) => logger.warn({ err, accountId }, 'cannot read the provider keys; trying again'),
  });
  return new Map(keys.map((key) => [key.provider, unsealAccess(cache, key)]));
}

function unsealAccess(cache: OwnAccessCache, key: StoredProviderKey): ProviderCredentials | null {
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

/** How the last call of a model ended that was written down, by account, provider and model. */
type Outcomes = LRUCache<string, { readonly at: number; readonly failure: FailureCode | null }>;

/** Writes down in the background how a call ended, unless the same was written just before. */
function writeOutcome(
  { db, clock, background }: ProviderAccessDeps,
  outcomes: Outcomes,
  accountId: string,
  call: { readonly provider: string; readonly model: string; readonly failure: FailureCode | null },
): void {
  const { provider, model, failure } = call;
  const name = `${accountId} ${provider} ${model}`;
  const known = outcomes.get(name);
  const now = clock.monotonicMs();
  if (known?.failure === failure && now - known.at < OUTCOME_INTERVAL_MS) return;
  outcomes.set(name, { at: now, failure });
  const outcome = { ...call, at: toTimestamp(clock.now()) };
  background.run('note how a model answers', () => db.transaction((trx) => writeModelOutcome(trx, accountId, outcome)));
}

/** Says of an address that is not reached that the model is not set up rightly: to try again is of no use. */
function explainRefusals(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      if (!(error instanceof AddressRefusedError)) throw error;
      throw new AnswerFailure('PROVIDER_MISCONFIGURED', `The address is refused. ${error.message}`);
    }
  };
}

type Identify = ReturnType<typeof createIdentities>;

/** Names are of this process alone, so that nobody can find a key by trying. */
function createIdentities() {
  const salt = randomBytes(32);
  return (accountId: string, provider: Provider, apiKey: string | undefined, baseUrl: string | undefined): string =>
    createHmac('sha256', salt)
      .update(JSON.stringify([accountId, provider, apiKey ?? null, baseUrl ?? null]))
      .digest('base64url');
}
