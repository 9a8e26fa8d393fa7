import { sql } from 'kysely';
import type { Lead } from '../../domain/entities.ts';
import { LEAD_ORDERS, type LeadFilter, type LeadOrder } from '../../domain/list-filters.ts';
import type { ListPosition } from '../../domain/ordered-list.ts';
import { CHATBOT_NOT_DELETED } from '../deleted-chatbots.ts';
import { isPostgres } from '../engines/engine.ts';
import { toLead } from '../leads.ts';
import type { Page } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import { containsText, equalsText, hasEntry, isIn, listTimeConditions, type OnEngine } from './conditions.ts';
import { countFiltered, type FilteredPage, type IndexRange, MAX_RANGES, readFilteredPage } from './filtered-list.ts';
import type { Condition } from './keyset.ts';

/** Selects leads of an account, in an order. */
export interface LeadSelection {
  readonly filter: LeadFilter;
  readonly order: LeadOrder;
}

/**
 * Reads a page of the account's leads that meet a filter: see `readFilteredPage`. Uses `leads_by_account`,
 * `leads_by_chatbot` or `leads_by_email`.
 */
export function listLeads(
  db: Queryable,
  accountId: string,
  selection: LeadSelection,
  page: Page<ListPosition>,
): Promise<FilteredPage<Lead>> {
  return readFilteredPage(db, toFilteredList(db, accountId, selection), page);
}

/** Counts the account's leads that meet a filter: see `countFiltered`. */
export function countLeads(db: Queryable, accountId: string, selection: LeadSelection): Promise<number> {
  return countFiltered(db, toFilteredList(db, accountId, selection));
}

function toFilteredList(db: Queryable, accountId: string, { filter, order }: LeadSelection) {
  const ranges = chooseRanges(accountId, filter, { isPostgres: isPostgres(db) });
  return { table: 'leads', orders: LEAD_ORDERS, order, column: null, ranges, toItem: toLead } as const;
}

function chooseRanges(accountId: string, filter: LeadFilter, engine: OnEngine): IndexRange[] {
  const { chatbotIds, query, email } = filter;
  if (chatbotIds?.length === 0) return [];
  const ofAccount = sql`account_id = ${accountId}`;
  const isOfChatbots = chatbotIds && isIn('chatbot_id', chatbotIds);
  const checks = [
    ...[ofAccount, CHATBOT_NOT_DELETED, isOfChatbots],
    ...Object.values(listTimeConditions('created_at', filter.createdAt)),
    query === undefined ? undefined : containsAny(engine, ['name', 'email', 'phone'], query),
    ...(filter.customData ?? []).map((entry) => hasEntry(engine, 'custom_data', entry)),
  ].filter((check) => check !== undefined);
  if (email !== undefined) return [{ where: sql`${ofAccount} and ${equalsText('email', email)}`, checks }];
  if (chatbotIds === undefined || chatbotIds.length > MAX_RANGES) return [{ where: ofAccount, checks }];
  return chatbotIds.map((id) => ({ where: sql`chatbot_id = ${id}`, checks }));
}

const containsAny = (engine: OnEngine, columns: readonly string[], text: string): Condition =>
  sql`(${sql.join(
    columns.map((column) => containsText(engine, column, text)),
    sql` or `,
  )})`;
