import type { Operation } from '../../domain/operations.ts';
import type { Timestamp } from '../../domain/time.ts';
import { prepareQuery } from '../engines/prepared.ts';
import { type Page, padIds, prepareList } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import type { OperationRow } from './rows.ts';

/** Rows per statement: SQLite and Postgres limit the values of a statement. */
const INSERTED_ROWS = 500;

/** Inserts the documents of a new version of a manifest. */
export async function insertOperations(trx: Queryable, operations: readonly Operation[]): Promise<void> {
  for (let start = 0; start < operations.length; start += INSERTED_ROWS) {
    const rows = operations.slice(start, start + INSERTED_ROWS).map(toRow);
    await trx.insertInto('operations').values(rows).execute();
  }
}

/** An operation that may run, with the time from which it no longer may. */
export interface RunnableOperation {
  readonly id: string;
  readonly document: string;
  readonly retiresAt: Timestamp | null;
}

/**
 * Finds a document that has not retired, by its id or the SHA-256 of its text; the newest, if several versions contain
 * it. Uses `operations_by_document_id` and `operations_by_hash`.
 * @param name the manifest; undefined: any manifest of the account.
 */
export async function findRunnableOperation(
  db: Queryable,
  accountId: string,
  { documentId, hash, name, now }: { documentId: string; hash: string; name: string | undefined; now: Timestamp },
): Promise<RunnableOperation | undefined> {
  const [row] =
    name === undefined
      ? await FIND_IN_ANY(db, [accountId, documentId, hash, now, 1])
      : await FIND_IN_ONE(db, [accountId, documentId, hash, now, name, 1]);
  return row && { id: row.id, document: row.document, retiresAt: row.retires_at };
}

const selectRunnable = (db: Queryable) =>
  db
    .selectFrom('operations')
    .innerJoin('operation_manifests as manifest', 'manifest.id', 'operations.manifest_id')
    .select(['operations.id', 'operations.document', 'manifest.retires_at'])
    .where('operations.account_id', '=', '')
    .where((eb) => eb.or([eb('operations.document_id', '=', ''), eb('operations.hash', '=', '')]))
    .where((eb) => eb.or([eb('manifest.retires_at', 'is', null), eb('manifest.retires_at', '>', '' as Timestamp)]));
const newest = <Q extends ReturnType<typeof selectRunnable>>(query: Q) =>
  query.orderBy('operations.manifest_id', 'desc').limit(1);
const FIND_IN_ANY = prepareQuery((db) => newest(selectRunnable(db)));
const FIND_IN_ONE = prepareQuery((db) => newest(selectRunnable(db).where('manifest.name', '=', '')));

/** A document as it is compared with another version. */
export type DocumentIdentity = Pick<Operation, 'documentId' | 'hash' | 'isTool'>;

/** The documents of one version. Uses `operations_by_manifest`. */
export async function listDocumentIdentities(db: Queryable, manifestId: string): Promise<DocumentIdentity[]> {
  const rows = await db
    .selectFrom('operations')
    .select(['document_id', 'hash', 'is_tool'])
    .where('manifest_id', '=', manifestId)
    .execute();
  return rows.map((row) => ({ documentId: row.document_id, hash: row.hash, isTool: row.is_tool === 1 }));
}

/** The SHA-256 of each document of a name, by its id, over all versions that have not retired. */
export async function findHashesInUse(
  db: Queryable,
  accountId: string,
  name: string,
  now: Timestamp,
): Promise<ReadonlyMap<string, string>> {
  const rows = await db
    .selectFrom('operations')
    .innerJoin('operation_manifests as manifest', 'manifest.id', 'operations.manifest_id')
    .select(['operations.document_id', 'operations.hash'])
    .distinct()
    .where('manifest.account_id', '=', accountId)
    .where('manifest.name', '=', name)
    .where((eb) => eb.or([eb('manifest.retires_at', 'is', null), eb('manifest.retires_at', '>', now)]))
    .execute();
  return new Map(rows.map((row) => [row.document_id, row.hash]));
}

/** The number of documents of the account in all versions that have not retired. */
export async function countRunnableOperations(db: Queryable, accountId: string, now: Timestamp): Promise<number> {
  const { count } = await db
    .selectFrom('operations')
    .innerJoin('operation_manifests as manifest', 'manifest.id', 'operations.manifest_id')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('manifest.account_id', '=', accountId)
    .where((eb) => eb.or([eb('manifest.retires_at', 'is', null), eb('manifest.retires_at', '>', now)]))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Finds several documents of the account, in no particular order. */
export async function findOperations(db: Queryable, accountId: string, ids: readonly string[]): Promise<Operation[]> {
  const rows = await db
    .selectFrom('operations')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .execute();
  return rows.map(toOperation);
}

/** The documents of a version, in the order of the push. Uses `operations_by_manifest`. */
export async function listOperations(
  db: Queryable,
  accountId: string,
  manifestId: string,
  page: Page,
): Promise<Operation[]> {
  return (await LIST(db, [accountId, manifestId], page)).map(toOperation);
}

const LIST = prepareList('asc', (db) =>
  db.selectFrom('operations').selectAll().where('account_id', '=', '').where('manifest_id', '=', ''),
);

/** Records when documents were last used, by the ids of their rows. */
export async function markOperationsUsed(trx: Queryable, usedAt: ReadonlyMap<string, Timestamp>): Promise<void> {
  for (const [id, at] of usedAt) {
    await trx.updateTable('operations').set({ last_used_at: at }).where('id', '=', id).execute();
  }
}

function toRow(operation: Operation): OperationRow {
  return {
    id: operation.id,
    account_id: operation.accountId,
    manifest_id: operation.manifestId,
    document_id: operation.documentId,
    hash: operation.hash,
    name: operation.name,
    document: operation.document,
    cost: operation.cost,
    is_tool: operation.isTool ? 1 : 0,
    last_used_at: operation.lastUsedAt,
  };
}

function toOperation(row: OperationRow): Operation {
  return {
    id: row.id,
    accountId: row.account_id,
    manifestId: row.manifest_id,
    documentId: row.document_id,
    hash: row.hash,
    name: row.name,
    document: row.document,
    cost: row.cost,
    isTool: row.is_tool === 1,
    lastUsedAt: row.last_used_at,
  };
}
