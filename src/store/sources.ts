import type { Selectable } from 'kysely';
import type { Source } from '../domain/entities.ts';
import { TERMS_VERSION } from '../domain/language/terms.ts';
import { CHATBOT_NOT_DELETED } from './deleted-chatbots.ts';
import { padIds } from './pages.ts';
import type { Queryable, SourceRow } from './tables.ts';

/** Inserts a new source. The caller adds its passages to the search index. */
export async function insertSource(trx: Queryable, source: Source): Promise<void> {
  await trx
    .insertInto('sources')
    .values({
      id: source.id,
      account_id: source.accountId,
      chatbot_id: source.chatbotId,
      type: source.type,
      title: source.title,
      url: source.url,
      status: source.status,
      error: source.error,
      page_count: source.pageCount,
      index_version: TERMS_VERSION,
      created_at: source.createdAt,
      updated_at: source.updatedAt,
    })
    .execute();
}

/** Deletes a source with its passages. The caller removes the passages from the search index. */
export async function deleteSource(trx: Queryable, accountId: string, id: string): Promise<void> {
  await trx.deleteFrom('sources').where('id', '=', id).where('account_id', '=', accountId).execute();
}

/** Finds a source of the account. */
export async function findSource(db: Queryable, accountId: string, id: string): Promise<Source | undefined> {
  return (await findSources(db, accountId, [id]))[0];
}

/** Finds several sources of the account, in no particular order. */
export async function findSources(db: Queryable, accountId: string, ids: readonly string[]): Promise<Source[]> {
  const rows = await db
    .selectFrom('sources')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED)
    .execute();
  return rows.map(toSource);
}

/** Converts the row of a source. */
export function toSource(row: Selectable<SourceRow>): Source {
  return {
    id: row.id,
    accountId: row.account_id,
    chatbotId: row.chatbot_id,
    type: row.type,
    title: row.title,
    url: row.url,
    status: row.status,
    error: row.error,
    pageCount: row.page_count,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
