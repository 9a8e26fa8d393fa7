import type { Logger } from 'pino';
import type { Provider } from '../domain/providers.ts';
import type { Sealer } from '../secrets.ts';
import type { Database } from '../store/database.ts';
import { listAllProviderKeys, replaceSealedKey, type StoredProviderKey } from '../store/provider-keys.ts';
import { resealRows } from '../store/reseal.ts';

const PURPOSE = 'provider-key';

/**
 * Seals an account's key for a provider.
 * @throws InvalidInputError when the gateway has no key to seal with.
 */
export function sealProviderKey(sealer: Sealer, accountId: string, provider: Provider, apiKey: string): string {
  return sealer.seal(PURPOSE, locationOf(accountId, provider), apiKey);
}

/** Unseals a stored key: null when none is stored, undefined when it cannot be unsealed. */
export function unsealProviderKey(
  sealer: Sealer,
  { accountId, provider, sealedKey }: StoredProviderKey,
): string | null | undefined {
  return sealedKey === null ? null : sealer.unseal(PURPOSE, locationOf(accountId, provider), sealedKey);
}

/** Seals stored keys again with the newest sealing key. A key that cannot be unsealed is left unchanged. */
export async function resealProviderKeys({
  db,
  sealer,
  logger,
}: {
  db: Database;
  sealer: Sealer;
  logger: Logger;
}): Promise<void> {
  const counts = await resealRows(db, await listAllProviderKeys(db.read), {
    isOutdated: ({ sealedKey }) => sealedKey !== null && sealer.isOutdated(sealedKey),
    reseal(key) {
      const apiKey = unsealProviderKey(sealer, key);
      return apiKey ? sealProviderKey(sealer, key.accountId, key.provider, apiKey) : undefined;
    },
    replace: replaceSealedKey,
  });
  logger.info(counts, 're-encrypted provider keys');
}

function locationOf(accountId: string, provider: Provider) {
  return { table: 'provider_keys', row: `${accountId} ${provider}`, column: 'sealed_key' };
}
