import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Config } from '../config.ts';
import type { Announcements } from '../coordination/announcements.ts';
import { NotFoundError } from '../domain/errors.ts';
import { parseInput } from '../domain/input.ts';
import { PROVIDERS, type Provider } from '../domain/providers.ts';
import { trimTrailingSlashes } from '../domain/text.ts';
import { type Clock, toTimestamp } from '../domain/time.ts';
import { type AddressRules, createAddressRules } from '../outbound/addresses.ts';
import { AddressRefusedError, checkUrl } from '../outbound/guard.ts';
import type { Sealer } from '../secrets.ts';
import type { Database } from '../store/database.ts';
import { deleteProviderKey as deleteStoredKey, writeProviderKey } from '../store/provider-keys.ts';
import { deleteProviderModels } from '../store/provider-models.ts';
import type { ProviderAccess } from './provider-access.ts';
import { sealProviderKey } from './sealed-keys.ts';

/** The services that `setProviderKey` and `deleteProviderKey` use. */
export interface ProviderKeyDeps {
  readonly config: Pick<Config, 'allowedAddresses'>;
  readonly db: Database;
  readonly clock: Clock;
  readonly sealer: Sealer;
  readonly providerAccess: Pick<ProviderAccess, 'invalidate'>;
  readonly announcements: Pick<Announcements, 'announce'>;
}

/** The ending of a shorter key is not shown, because it would reveal too much of the key. */
const MIN_LENGTH_TO_SHOW = 8;
const ENDING_LENGTH = 4;
const MAX_URL_LENGTH = 2_048;

/** The name of a provider. */
const providerName = z.enum(PROVIDERS, `Must be one of: ${PROVIDERS.join(', ')}.`);

const keyText = z
  .string()
  .transform((text) => text.trim())
  .refine((text) => /^[\x21-\x7e]{1,512}$/.test(text), 'Must be 1 to 512 printable characters without spaces.');

/** A base URL, to which paths are appended; without a slash at its end. */
function baseUrlText(rules: AddressRules) {
  return z
    .string()
    .transform((text) => text.trim())
    .refine((text) => text.length <= MAX_URL_LENGTH, `Must have at most ${MAX_URL_LENGTH} characters.`)
    .refine((text) => !/[?#]/.test(text), 'Must have no ? and no #: paths are appended to it.')
    .transform((text, context) => {
      try {
        const { origin, pathname } = checkUrl(text, rules);
        return trimTrailingSlashes(`${origin}${pathname}`);
      } catch (error) {
        if (!(error instanceof AddressRefusedError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
        return z.NEVER;
      }
    });
}

function createKeyRules(addresses: AddressRules) {
  return z
    .object({ provider: providerName, apiKey: keyText.optional(), baseUrl: baseUrlText(addresses).optional() })
    .superRefine(({ provider, apiKey, baseUrl }, context) => {
      if (provider === 'open' && baseUrl === undefined) {
        context.addIssue({
          code: 'custom',
          path: ['baseUrl'],
          message: 'Must be given: `open` has no default address.',
        });
      }
      if (provider !== 'open' && apiKey === undefined) {
        context.addIssue({
          code: 'custom',
          path: ['apiKey'],
          message: 'Must be given: only `open` works without a key.',
        });
      }
    });
}

/**
 * Sets the account's own key for a provider, in place of the previous one. It immediately takes precedence over the
 * operator's. The stored outcomes of the provider's models are deleted.
 * @param input `apiKey` may be absent for `open` only, which needs a `baseUrl`; the address must be public or allowed.
 * @throws InvalidInputError, also when the gateway has no key to seal with.
 */
export async function setProviderKey(
  deps: ProviderKeyDeps,
  viewer: Pick<Viewer, 'accountId'>,
  input: { provider: string; apiKey?: string | null | undefined; baseUrl?: string | null | undefined },
): Promise<Provider> {
  const { accountId } = viewer;
  const rules = createKeyRules(createAddressRules(deps.config.allowedAddresses));
  const { provider, apiKey, baseUrl } = parseInput(rules, { ...input });
  const key = {
    accountId,
    provider,
    sealedKey: apiKey === undefined ? null : sealProviderKey(deps.sealer, accountId, provider, apiKey),
    keyEnding: apiKey !== undefined && apiKey.length >= MIN_LENGTH_TO_SHOW ? apiKey.slice(-ENDING_LENGTH) : null,
    baseUrl: baseUrl ?? null,
    updatedAt: toTimestamp(deps.clock.now()),
  };
  await deps.db.transaction(async (trx) => {
    await writeProviderKey(trx, key);
    await deleteProviderModels(trx, accountId, provider);
  });
  announceChange(deps, accountId);
  return provider;
}

/**
 * Deletes the account's own key for a provider; from then on the operator's credentials apply, if there are any.
 * @throws InvalidInputError; NotFoundError when the account has none.
 */
export async function deleteProviderKey(
  deps: Pick<ProviderKeyDeps, 'db' | 'providerAccess' | 'announcements'>,
  viewer: Pick<Viewer, 'accountId'>,
  input: { provider: string },
): Promise<Provider> {
  const { accountId } = viewer;
  const { provider } = parseInput(z.object({ provider: providerName }), input);
  const isDeleted = await deps.db.transaction(async (trx) => {
    await deleteProviderModels(trx, accountId, provider);
    return deleteStoredKey(trx, accountId, provider);
  });
  if (!isDeleted) throw new NotFoundError('Provider key');
  announceChange(deps, accountId);
  return provider;
}

function announceChange(
  { providerAccess, announcements }: Pick<ProviderKeyDeps, 'providerAccess' | 'announcements'>,
  accountId: string,
): void {
  providerAccess.invalidate(accountId);
  announcements.announce('provider-keys', accountId);
}
