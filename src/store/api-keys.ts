import type { Selectable } from 'kysely';
import { type ApiKey, SCOPES, type Scope } from '../domain/entities.ts';
import { fromJson, toJson } from '../domain/json.ts';
import type { Limits } from '../domain/limits.ts';
import type { Timestamp } from '../domain/time.ts';
import { prepareQuery } from './engines/prepared.ts';
import { padIds } from './pages.ts';
import type { ApiKeyRow, Queryable } from './tables.ts';

/** Inserts a new key. Only its hash is stored. */
export async function insertApiKey(trx: Queryable, key: ApiKey, hash: string): Promise<void> {
  await trx
    .insertInto('api_keys')
    .values({
      id: key.id,
      account_id: key.accountId,
      name: key.name,
      prefix: key.prefix,
      hash,
      scopes: toJson(key.scopes),
      created_at: key.createdAt,
      last_used_at: key.lastUsedAt,
      revoked_at: key.revokedAt,
      persisted_only: key.persistedOnly ? 1 : 0,
      expires_at: key.expiresAt,
      chatbot_ids: key.chatbotIds && toJson(key.chatbotIds),
      limits: toJson(key.limits),
    })
    .execute();
}

/**
 * Finds a key of any account by the SHA-256 of its text, revoked keys included. The key tells the caller which account
 * it belongs to.
 */
export async function findApiKeyByHash(db: Queryable, hash: string): Promise<ApiKey | undefined> {
  const [row] = await FIND_BY_HASH(db, [hash]);
  return row && toApiKey(row);
}

/**
 * Finds several keys by the SHA-256 of their texts, revoked keys included; unknown hashes are absent from the result.
 */
export async function findApiKeysByHash(db: Queryable, hashes: readonly string[]): Promise<Map<string, ApiKey>> {
  const rows = await db.selectFrom('api_keys').selectAll().where('hash', 'in', padIds(hashes)).execute();
  return new Map(rows.map((row) => [row.hash, toApiKey(row)]));
}

const FIND_BY_HASH = prepareQuery((db) => db.selectFrom('api_keys').selectAll().where('hash', '=', ''));

/** Finds a key of the account. */
export async function findApiKey(db: Queryable, accountId: string, id: string): Promise<ApiKey | undefined> {
  const row = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return row && toApiKey(row);
}

/** Finds several keys of the account, in no particular order. */
export async function findApiKeys(db: Queryable, accountId: string, ids: readonly string[]): Promise<ApiKey[]> {
  const rows = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .execute();
  return rows.map(toApiKey);
}

/** The keys of the account, newest first, revoked keys included. Uses `api_keys_by_account`. */
export async function listApiKeys(db: Queryable, accountId: string, limit: number): Promise<ApiKey[]> {
  const rows = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(toApiKey);
}

/**
 * The keys of the account that are restricted to some of the given chatbots and to no others, newest first. They are
 * few, because only keys that were revoked exceed the limit of active keys. Uses `api_keys_by_account`.
 */
export async function listRestrictedApiKeys(
  db: Queryable,
  accountId: string,
  chatbotIds: ReadonlySet<string>,
): Promise<ApiKey[]> {
  const rows = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('chatbot_ids', 'is not', null)
    .orderBy('id', 'desc')
    .execute();
  return rows.map(toApiKey).filter((key) => key.chatbotIds?.every((id) => chatbotIds.has(id)));
}

/** The number of keys of the account that are neither revoked nor expired. */
export async function countActiveApiKeys(db: Queryable, accountId: string, now: Timestamp): Promise<number> {
  const { count } = await db
    .selectFrom('api_keys')
    .select((key) => key.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null)
    .where((key) => key.or([key('expires_at', 'is', null), key('expires_at', '>', now)]))
    .executeTakeFirstOrThrow();
  return count;
}

/** The number of revoked keys of all accounts, which grows with every revocation. Uses `api_keys_revoked`. */
export async function countRevokedApiKeys(db: Queryable): Promise<number> {
  const { count } = await db
    .selectFrom('api_keys')
    .select((key) => key.fn.countAll<number>().as('count'))
    .where('revoked_at', 'is not', null)
    .executeTakeFirstOrThrow();
  return count;
}

/** The keys of every account, for the operator's list. */
export async function listAllApiKeys(db: Queryable): Promise<(ApiKey & { accountName: string })[]> {
  const rows = await db
    .selectFrom('api_keys')
    .innerJoin('accounts', 'accounts.id', 'api_keys.account_id')
    .selectAll('api_keys')
    .select('accounts.name as account_name')
    .orderBy('api_keys.id')
    .execute();
  return rows.map((row) => ({ ...toApiKey(row), accountName: row.account_name }));
}

/** Marks a key of the account as revoked; a key that is revoked already keeps its revocation time. */
export async function markApiKeyRevoked(
  trx: Queryable,
  accountId: string,
  id: string,
  revokedAt: Timestamp,
): Promise<void> {
  await trx
    .updateTable('api_keys')
    .set({ revoked_at: revokedAt })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null)
    .execute();
}

/** Stores the settings of a key of the account that its owner can change. */
export async function updateApiKeySettings(
  trx: Queryable,
  { id, accountId, name, persistedOnly }: ApiKey,
): Promise<void> {
  await trx
    .updateTable('api_keys')
    .set({ name, persisted_only: persistedOnly ? 1 : 0 })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .execute();
}

/** Sets the limits of a key of the account. */
export async function updateApiKeyLimits(trx: Queryable, accountId: string, id: string, limits: Limits): Promise<void> {
  await trx
    .updateTable('api_keys')
    .set({ limits: toJson(limits) })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .execute();
}

/** Records when keys were last used, by their ids. */
export async function markApiKeysUsed(trx: Queryable, usedAt: ReadonlyMap<string, Timestamp>): Promise<void> {
  for (const [id, at] of usedAt) {
    await trx.updateTable('api_keys').set({ last_used_at: at }).where('id', '=', id).execute();
  }
}

function toApiKey(row: Selectable<ApiKeyRow>): ApiKey {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    prefix: row.prefix,
    scopes: fromJson<Scope[]>(row.scopes).filter((scope) => SCOPES.includes(scope)),
    createdAt: row.created_at,
    chatbotIds: row.chatbot_ids === null ? null : fromJson<string[]>(row.chatbot_ids),
    limits: row.limits === null ? {} : fromJson<Limits>(row.limits),
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    persistedOnly: row.persisted_only === 1,
  };
}
