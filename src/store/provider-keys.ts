import type { Selectable } from 'kysely';
import type { Provider, ProviderKey } from '../domain/providers.ts';
import type { ProviderKeyRow, Queryable } from './tables.ts';

/** An account's key for a provider with its sealed secret, which is null for a server that needs no key. */
export interface StoredProviderKey extends ProviderKey {
  readonly sealedKey: string | null;
}

/** Writes an account's key for a provider, and replaces an earlier key. */
export async function writeProviderKey(trx: Queryable, key: StoredProviderKey): Promise<void> {
  const fields = {
    sealed_key: key.sealedKey,
    key_ending: key.keyEnding,
    base_url: key.baseUrl,
    updated_at: key.updatedAt,
  };
  await trx
    .insertInto('provider_keys')
    .values({ account_id: key.accountId, provider: key.provider, ...fields })
    .onConflict((conflict) => conflict.columns(['account_id', 'provider']).doUpdateSet(fields))
    .execute();
}

/** Deletes an account's key for a provider. Returns whether there was one. */
export async function deleteProviderKey(trx: Queryable, accountId: string, provider: Provider): Promise<boolean> {
  const result = await trx
    .deleteFrom('provider_keys')
    .where('account_id', '=', accountId)
    .where('provider', '=', provider)
    .executeTakeFirst();
  return result.numDeletedRows === 1n;
}

/** All provider keys of the account, at most one for each provider. */
export async function listProviderKeys(db: Queryable, accountId: string): Promise<StoredProviderKey[]> {
  const rows = await db.selectFrom('provider_keys').selectAll().where('account_id', '=', accountId).execute();
  return rows.map(toProviderKey);
}

/** The provider keys of all accounts, for sealing them again. */
export async function listAllProviderKeys(db: Queryable): Promise<StoredProviderKey[]> {
  const rows = await db.selectFrom('provider_keys').selectAll().execute();
  return rows.map(toProviderKey);
}

/** Replaces a sealed secret, unless it has changed since it was read. */
export async function replaceSealedKey(trx: Queryable, key: StoredProviderKey, sealedKey: string): Promise<void> {
  await trx
    .updateTable('provider_keys')
    .set({ sealed_key: sealedKey })
    .where('account_id', '=', key.accountId)
    .where('provider', '=', key.provider)
    .where('sealed_key', '=', key.sealedKey)
    .execute();
}

function toProviderKey(row: Selectable<ProviderKeyRow>): StoredProviderKey {
  return {
    accountId: row.account_id,
    provider: row.provider as Provider,
    sealedKey: row.sealed_key,
    keyEnding: row.key_ending,
    baseUrl: row.base_url,
    updatedAt: row.updated_at,
  };
}
