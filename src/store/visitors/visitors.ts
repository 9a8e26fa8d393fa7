import { sql } from 'kysely';
import type { Lead } from '../../domain/entities.ts';
import type { ListPosition } from '../../domain/ordered-list.ts';
import { VISITOR_ORDER, VISITOR_ORDERS, type Visitor, type VisitorFilter } from '../../domain/visitors/visitors.ts';
import { CHATBOT_NOT_DELETED } from '../deleted-chatbots.ts';
import { isPostgres } from '../engines/engine.ts';
import { toLead } from '../leads.ts';
import { containsText } from '../lists/conditions.ts';
import { countFiltered, type FilteredPage, readFilteredPage } from '../lists/filtered-list.ts';
import { type Page, padIds, prepareList } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import type { VisitorRow } from './rows.ts';

/** Inserts a new visitor. */
export async function insertVisitor(trx: Queryable, visitor: Visitor): Promise<void> {
  const { id, accountId, chatbotId, firstSeenAt } = visitor;
  await trx
    .insertInto('visitors')
    .values({
      id,
      account_id: accountId,
      chatbot_id: chatbotId,
      first_seen_at: firstSeenAt,
      ...toChangeableColumns(visitor),
    })
    .execute();
}

/** Writes all changeable fields of a visitor. */
export async function updateVisitor(trx: Queryable, visitor: Visitor): Promise<void> {
  await trx
    .updateTable('visitors')
    .set(toChangeableColumns(visitor))
    .where('id', '=', visitor.id)
    .where('account_id', '=', visitor.accountId)
    .execute();
}

/** Finds a visitor of the account. */
export async function findVisitor(db: Queryable, accountId: string, id: string): Promise<Visitor | undefined> {
  const row = await selectVisitor(db, accountId, id).executeTakeFirst();
  return row && toVisitor(row);
}

/**
 * Finds a visitor of the account and locks it until the end of the transaction. Lock an existing conversation before its
 * visitor.
 */
export async function lockVisitor(trx: Queryable, accountId: string, id: string): Promise<Visitor | undefined> {
  const row = await selectVisitor(trx, accountId, id).forNoKeyUpdate().executeTakeFirst();
  return row && toVisitor(row);
}

/** Finds the visitor of a chatbot with an external id, and locks it. Uses `visitors_by_external_id`. */
export async function lockVisitorByExternalId(
  trx: Queryable,
  accountId: string,
  chatbotId: string,
  externalId: string,
): Promise<Visitor | undefined> {
  const row = await trx
    .selectFrom('visitors')
    .selectAll()
    .where('chatbot_id', '=', chatbotId)
    .where('external_id', '=', externalId)
    .where('account_id', '=', accountId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row && toVisitor(row);
}

/** Finds several visitors of the account, in no particular order. */
export async function findVisitors(db: Queryable, accountId: string, ids: readonly string[]): Promise<Visitor[]> {
  const rows = await db
    .selectFrom('visitors')
    .selectAll()
    .where('id', 'in', padIds(ids))
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED)
    .execute();
  return rows.map(toVisitor);
}

/** Selects the visitors of a chatbot that meet a filter. */
export interface VisitorSelection {
  readonly chatbotId: string;
  readonly filter: VisitorFilter;
}

/** Reads a page of a chatbot's visitors, the newest first: see `readFilteredPage`. Uses `visitors_by_chatbot`. */
export function listVisitors(
  db: Queryable,
  accountId: string,
  selection: VisitorSelection,
  page: Page<ListPosition>,
): Promise<FilteredPage<Visitor>> {
  return readFilteredPage(db, toFilteredList(db, accountId, selection), page);
}

/** Counts a chatbot's visitors that meet a filter: see `countFiltered`. */
export function countVisitors(db: Queryable, accountId: string, selection: VisitorSelection): Promise<number> {
  return countFiltered(db, toFilteredList(db, accountId, selection));
}

function toFilteredList(db: Queryable, accountId: string, { chatbotId, filter: { query } }: VisitorSelection) {
  const engine = { isPostgres: isPostgres(db) };
  const containsQuery =
    query === undefined
      ? []
      : [
          sql`(${sql.join(
            ['external_id', 'name', 'email'].map((column) => containsText(engine, column, query)),
            sql` or `,
          )})`,
        ];
  const checks = [sql`account_id = ${accountId}`, ...containsQuery];
  const ranges = [{ where: sql`chatbot_id = ${chatbotId}`, checks }];
  const list = { orders: VISITOR_ORDERS, order: VISITOR_ORDER, column: null, ranges, toItem: toVisitor };
  return { table: 'visitors', ...list } as const;
}

/** The leads from all conversations of a visitor, newest first. */
export async function listVisitorLeads(
  db: Queryable,
  accountId: string,
  visitorId: string,
  page: Page,
): Promise<Lead[]> {
  return (await LIST_LEADS(db, [visitorId, accountId], page)).map(toLead);
}

/** Counts the leads from all conversations of a visitor. */
export async function countVisitorLeads(db: Queryable, accountId: string, visitorId: string): Promise<number> {
  const { count } = await db
    .selectFrom('leads')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('conversation_id', 'in', (eb) =>
      eb.selectFrom('conversations').select('id').where('visitor_id', '=', visitorId),
    )
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

const LIST_LEADS = prepareList('desc', (db) =>
  db
    .selectFrom('leads')
    .selectAll()
    .where('conversation_id', 'in', (eb) => eb.selectFrom('conversations').select('id').where('visitor_id', '=', ''))
    .where('account_id', '=', ''),
);

/** Deletes those of some visitors who are anonymous, not blocked, and have neither conversations nor sessions. */
export async function deleteAbandonedVisitors(trx: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await trx
    .deleteFrom('visitors')
    .where('id', 'in', padIds(ids))
    .where('external_id', 'is', null)
    .where('is_blocked', '=', 0)
    .where(sql<boolean>`not exists (select 1 from conversations as own where own.visitor_id = visitors.id)`)
    .where(sql<boolean>`not exists (select 1 from session_tokens as own where own.visitor_id = visitors.id)`)
    .execute();
}

const selectVisitor = (db: Queryable, accountId: string, id: string) =>
  db
    .selectFrom('visitors')
    .selectAll()
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where(CHATBOT_NOT_DELETED);

function toChangeableColumns(visitor: Visitor) {
  return {
    external_id: visitor.externalId,
    name: visitor.name,
    email: visitor.email,
    custom_data: visitor.customData,
    is_blocked: visitor.isBlocked ? 1 : 0,
    last_seen_at: visitor.lastSeenAt,
  } as const;
}

function toVisitor(row: Omit<VisitorRow, 'is_blocked'> & { is_blocked: 0 | 1 }): Visitor {
  return {
    id: row.id,
    accountId: row.account_id,
    chatbotId: row.chatbot_id,
    externalId: row.external_id,
    name: row.name,
    email: row.email,
    customData: row.custom_data,
    isBlocked: row.is_blocked === 1,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
  };
}
