import { TERMS_VERSION } from '../../domain/language/terms.ts';
import type { Queryable } from '../tables.ts';
import { addIndexEntries, type IndexEntry, unindexSource } from './inverted-index.ts';

/** A source whose passages are not indexed by the present rules. */
export interface OutdatedSource {
  readonly id: string;
  readonly accountId: string;
  readonly title: string;
}

/** Counts the sources of all accounts whose passages are not indexed by the present rules. */
export async function countOutdatedSources(db: Queryable): Promise<number> {
  const { sources } = await db
    .selectFrom('sources')
    .select(({ fn }) => fn.countAll<number>().as('sources'))
    .where('index_version', '<', TERMS_VERSION)
    .executeTakeFirstOrThrow();
  return sources;
}

/** Finds a source of any account whose passages are not indexed by the present rules; the oldest first. */
export async function findOutdatedSource(db: Queryable): Promise<OutdatedSource | undefined> {
  return db
    .selectFrom('sources')
    .select(['id', 'account_id as accountId', 'title'])
    .where('index_version', '<', TERMS_VERSION)
    .orderBy('index_version')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
}

/**
 * Replaces the index entries of a source by entries of the present rules. Does nothing if the source is deleted, or if
 * another gateway has done it.
 */
export async function reindexSource(
  trx: Queryable,
  { id, accountId }: OutdatedSource,
  entries: readonly IndexEntry[],
): Promise<void> {
  const { numUpdatedRows } = await trx
    .updateTable('sources')
    .set({ index_version: TERMS_VERSION })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('index_version', '<', TERMS_VERSION)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return;
  await unindexSource(trx, accountId, id);
  await addIndexEntries(trx, entries);
}
