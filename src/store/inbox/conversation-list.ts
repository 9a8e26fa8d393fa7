import {
  CONVERSATION_ORDERS,
  type ConversationFilter,
  type ConversationOrder,
  type ConversationOrderField,
} from '../../domain/conversation-list.ts';
import type { Conversation } from '../../domain/entities.ts';
import type { ListPosition } from '../../domain/ordered-list.ts';
import type { Timestamp } from '../../domain/time.ts';
import { toConversation } from '../conversations.ts';
import { isPostgres } from '../engines/engine.ts';
import { countFiltered, type FilteredPage, readFilteredPage } from '../lists/filtered-list.ts';
import { type Page, prepareOrderedLists } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import { chooseRanges } from './conversation-filter.ts';

/** The columns that order conversations before their ids. */
const ORDER_COLUMNS = {
  LAST_MESSAGE_AT: 'last_message_at',
  CREATED_AT: null,
  WAITING_SINCE: 'waiting_since',
};

/** Selects conversations of an account, at a moment. */
export interface ConversationSelection {
  readonly filter: ConversationFilter;
  readonly order: ConversationOrder;
  readonly now: Timestamp;
}

/**
 * The conversations of several chatbots, for each chatbot in the order of `order`. Uses
 * `conversations_of_chatbot_by_message` or `conversations_by_chatbot`.
 */
export async function listConversationsByChatbot(
  db: Queryable,
  accountId: string,
  { chatbotIds, order }: { chatbotIds: readonly string[]; order: ConversationOrder },
  page: Page<ListPosition>,
): Promise<Conversation[][]> {
  return (await READ_LISTS(db, chatbotIds, [accountId], { order, page })).map((rows) => rows.map(toConversation));
}

const READ_LISTS = prepareOrderedLists(
  (db: Queryable) =>
    db.selectFrom('conversations').selectAll().where('chatbot_id', '=', '').where('account_id', '=', ''),
  'chatbot_id',
  (field: ConversationOrderField) => ORDER_COLUMNS[field],
);

/**
 * Reads a page of the account's conversations that meet a filter: see `readFilteredPage`. Uses the indexes of migrations
 * 0016 and 0023.
 */
export function listConversations(
  db: Queryable,
  accountId: string,
  selection: ConversationSelection,
  page: Page<ListPosition>,
): Promise<FilteredPage<Conversation>> {
  return readFilteredPage(db, toFilteredList(db, accountId, selection), page);
}

/** Counts the account's conversations that meet a filter: see `countFiltered`. */
export function countConversations(
  db: Queryable,
  accountId: string,
  selection: ConversationSelection,
): Promise<number> {
  return countFiltered(db, toFilteredList(db, accountId, selection));
}

function toFilteredList(db: Queryable, accountId: string, selection: ConversationSelection) {
  return {
    table: 'conversations',
    orders: CONVERSATION_ORDERS,
    order: selection.order,
    column: ORDER_COLUMNS[selection.order.field],
    ranges: chooseRanges({ ...selection, accountId, isPostgres: isPostgres(db) }),
    toItem: toConversation,
  } as const;
}
