import type { OperationManifest } from '../../domain/operations.ts';
import type { Timestamp } from '../../domain/time.ts';
import { type Page, padIds, prepareList } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import type { OperationManifestRow } from './rows.ts';

/** Inserts a new version of a manifest. */
export async function insertManifest(trx: Queryable, manifest: OperationManifest): Promise<void> {
  await trx
    .insertInto('operation_manifests')
    .values({
      id: manifest.id,
      account_id: manifest.accountId,
      name: manifest.name,
      version: manifest.version,
      created_at: manifest.createdAt,
      retires_at: manifest.retiresAt,
    })
    .execute();
}

/** Sets when a version retires. Returns it; undefined if the account has no such version. */
export async function updateRetirement(
  trx: Queryable,
  accountId: string,
  id: string,
  retiresAt: Timestamp,
): Promise<OperationManifest | undefined> {
  const row = await trx
    .updateTable('operation_manifests')
    .set({ retires_at: retiresAt })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .returningAll()
    .executeTakeFirst();
  return row && toManifest(row);
}

/**
 * Deletes the versions of an account that retired before a time, with their documents. The newest version of each name
 * stays, so that numbers are never used again.
 */
export async function deleteRetiredManifests(trx: Queryable, accountId: string, before: Timestamp): Promise<void> {
  await trx
    .deleteFrom('operation_manifests')
    .where('account_id', '=', accountId)
    .where('retires_at', '<', before)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('operation_manifests as newer')
          .select('newer.id')
          .whereRef('newer.account_id', '=', 'operation_manifests.account_id')
          .whereRef('newer.name', '=', 'operation_manifests.name')
          .whereRef('newer.version', '>', 'operation_manifests.version'),
      ),
    )
    .execute();
}

/** The newest version of a name, retired or not. Uses `operation_manifests_by_name`. */
export async function findNewestManifest(
  db: Queryable,
  accountId: string,
  name: string,
): Promise<OperationManifest | undefined> {
  const row = await db
    .selectFrom('operation_manifests')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && toManifest(row);
}

/** The newest version of each of several names, in no particular order. Uses `operation_manifests_by_name`. */
export async function findNewestManifests(
  db: Queryable,
  accountId: string,
  names: readonly string[],
): Promise<OperationManifest[]> {
  const rows = await db
    .selectFrom('operation_manifests as manifest')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('name', 'in', padIds(names))
    .where('version', '=', (eb) =>
      eb
        .selectFrom('operation_manifests as newest')
        .select((inner) => inner.fn.max('newest.version').as('version'))
        .whereRef('newest.account_id', '=', 'manifest.account_id')
        .whereRef('newest.name', '=', 'manifest.name'),
    )
    .execute();
  return rows.map(toManifest);
}

/** Finds several versions of manifests of the account, in no particular order. */
export async function findManifests(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<OperationManifest[]> {
  const rows = await db
    .selectFrom('operation_manifests')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .execute();
  return rows.map(toManifest);
}

/** The account's manifests, every version by itself, newest first. Uses `operation_manifests_by_account`. */
export async function listManifests(db: Queryable, accountId: string, page: Page): Promise<OperationManifest[]> {
  return (await LIST(db, [accountId], page)).map(toManifest);
}

const LIST = prepareList('desc', (db) => db.selectFrom('operation_manifests').selectAll().where('account_id', '=', ''));

/** The number of the account's manifests, every version by itself. */
export async function countManifests(db: Queryable, accountId: string): Promise<number> {
  const { count } = await db
    .selectFrom('operation_manifests')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

function toManifest(row: OperationManifestRow): OperationManifest {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    version: row.version,
    createdAt: row.created_at,
    retiresAt: row.retires_at,
  };
}
