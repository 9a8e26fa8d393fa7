import { sql } from 'kysely';
import type { Source } from '../../domain/entities.ts';
import {
  SOURCE_ORDERS,
  type SourceFilter,
  type SourceOrder,
  type SourceOrderField,
} from '../../domain/list-filters.ts';
import type { ListPosition } from '../../domain/ordered-list.ts';
import { isPostgres } from '../engines/engine.ts';
import { type Page, prepareOrderedLists } from '../pages.ts';
import { toSource } from '../sources.ts';
import type { Queryable } from '../tables.ts';
import { containsText, folded, isIn, listTimeConditions, type OnEngine } from './conditions.ts';
import { countFiltered, type FilteredPage, type IndexRange, readFilteredPage } from './filtered-list.ts';
import type { OrderColumn } from './keyset.ts';

/** Selects sources of a chatbot, in an order. */
export interface SourceSelection {
  readonly chatbotId: string;
  readonly filter: SourceFilter;
  readonly order: SourceOrder;
}

/**
 * The sources of several chatbots, for each chatbot in the order of `order`. Uses `sources_by_chatbot`,
 * `sources_by_update` or `sources_by_title`.
 */
export async function listSourcesByChatbot(
  db: Queryable,
  accountId: string,
  { chatbotIds, order }: { chatbotIds: readonly string[]; order: SourceOrder },
  page: Page<ListPosition>,
): Promise<Source[][]> {
  return (await READ_LISTS(db, chatbotIds, [accountId], { order, page })).map((rows) => rows.map(toSource));
}

const READ_LISTS = prepareOrderedLists(
  (db: Queryable) => db.selectFrom('sources').selectAll().where('chatbot_id', '=', '').where('account_id', '=', ''),
  'chatbot_id',
  columnOf,
);

/** Reads a page of a chatbot's sources that meet a filter: see `readFilteredPage`. May also use `sources_by_status`. */
export function listSources(
  db: Queryable,
  accountId: string,
  selection: SourceSelection,
  page: Page<ListPosition>,
): Promise<FilteredPage<Source>> {
  return readFilteredPage(db, toFilteredList(db, accountId, selection), page);
}

/** Counts a chatbot's sources that meet a filter: see `countFiltered`. */
export function countSources(db: Queryable, accountId: string, selection: SourceSelection): Promise<number> {
  return countFiltered(db, toFilteredList(db, accountId, selection));
}

function toFilteredList(db: Queryable, accountId: string, selection: SourceSelection) {
  const { order } = selection;
  const ranges = chooseRanges(accountId, selection, { isPostgres: isPostgres(db) });
  const column = columnOf(order.field);
  return { table: 'sources', orders: SOURCE_ORDERS, order, column, ranges, toItem: toSource } as const;
}

/** Returns the column or expression that orders sources before their ids. */
function columnOf(field: SourceOrderField): OrderColumn {
  if (field === 'CREATED_AT') return null;
  return field === 'TITLE' ? folded('title') : 'updated_at';
}

function chooseRanges(
  accountId: string,
  { chatbotId, filter, order }: SourceSelection,
  engine: OnEngine,
): IndexRange[] {
  const { types, statuses, title } = filter;
  if (types?.length === 0 || statuses?.length === 0) return [];
  const ofChatbot = sql`chatbot_id = ${chatbotId}`;
  const times = Object.values(listTimeConditions('updated_at', filter.updatedAt)).filter((time) => time !== undefined);
  const checks = [
    sql`account_id = ${accountId}`,
    types && isIn('type', types),
    statuses && isIn('status', statuses),
    title === undefined ? undefined : containsText(engine, 'title', title),
    ...times,
  ].filter((check) => check !== undefined);
  if (order.field === 'UPDATED_AT') return [{ where: sql.join([ofChatbot, ...times], sql` and `), checks }];
  if (order.field === 'TITLE' || statuses === undefined) return [{ where: ofChatbot, checks }];
  return statuses.map((status) => ({ where: sql`${ofChatbot} and status = ${status}`, checks }));
}
