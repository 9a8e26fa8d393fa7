import type { Passage, SourceType } from '../../domain/entities.ts';
import { fromJson, toJson } from '../../domain/json.ts';
import { CHATBOT_NOT_DELETED } from '../deleted-chatbots.ts';
import { yieldBatches } from '../engines/yield-batches.ts';
import { type Page, padIds, prepareList } from '../pages.ts';
import type { PassageRow, Queryable } from '../tables.ts';

const BATCH_SIZE = 50;

/** Inserts the passages of a source. The caller adds them to the search index. */
export async function insertPassages(trx: Queryable, passages: readonly Passage[]): Promise<void> {
  for await (const batch of yieldBatches(passages, () => 1, BATCH_SIZE)) {
    await trx.insertInto('passages').values(batch.map(toRow)).execute();
  }
}

/** Finds several passages of the account, in no particular order. */
export async function findPassages(db: Queryable, accountId: string, ids: readonly string[]): Promise<Passage[]> {
  const rows = await db
    .selectFrom('passages')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED)
    .execute();
  return rows.map(toPassage);
}

/** A passage with the title, address and type of its source. */
export interface SourcePassage {
  readonly passage: Passage;
  readonly title: string;
  readonly url: string | null;
  readonly sourceType: SourceType;
}

/** Finds several passages of the account with their sources, in no particular order. */
export async function findSourcePassages(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<SourcePassage[]> {
  const rows = await db
    .selectFrom('passages')
    .innerJoin('sources', 'sources.id', 'passages.source_id')
    .selectAll('passages')
    .select(['sources.title', 'sources.url', 'sources.type'])
    .where('passages.id', 'in', padIds(ids))
    .where('passages.account_id', '=', accountId)
    .execute();
  return rows.map(({ title, url, type, ...row }) => ({ passage: toPassage(row), title, url, sourceType: type }));
}

/** A source's passages in reading order, which is the order of their ids. Uses `passages_by_source`. */
export async function listPassages(db: Queryable, accountId: string, sourceId: string, page: Page): Promise<Passage[]> {
  return (await LIST(db, [sourceId, accountId], page)).map(toPassage);
}

const LIST = prepareList('asc', (db) =>
  db.selectFrom('passages').selectAll().where('source_id', '=', '').where('account_id', '=', ''),
);

/** Converts a row to a passage. */
export function toPassage(row: PassageRow): Passage {
  return {
    id: row.id,
    accountId: row.account_id,
    chatbotId: row.chatbot_id,
    sourceId: row.source_id,
    position: row.position,
    headingPath: fromJson<string[]>(row.heading_path),
    text: row.text,
  };
}

function toRow(passage: Passage): PassageRow {
  return {
    id: passage.id,
    account_id: passage.accountId,
    chatbot_id: passage.chatbotId,
    source_id: passage.sourceId,
    position: passage.position,
    heading_path: toJson(passage.headingPath),
    text: passage.text,
  };
}
