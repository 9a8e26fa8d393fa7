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
import { type CheckLimits, countFiltered, type FilteredPage, readFilteredPage } from '../lists/filtered-list.ts';
import { type Page, prepareOrderedLists } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import { chooseRanges } from './conversation-filter.ts';
import { findTextCandidates } from './text-search.ts';

/** The columns that order conversations before their ids. */
const ORDER_COLUMNS = {
  LAST_MESSAGE_AT: 'last_message_at',
  CREATED_AT: null,
  WAITING_SINCE: 'waiting_since',
};

/** The check limits of a page with a text. A check reads all messages of a conversation. */
const TEXT_LIMITS: CheckLimits = { steps: [200, 800, 1_500], maxMs: 100 };
const FIRST_TEXT_LIMITS: CheckLimits = { steps: [200], maxMs: 100 };
/** The maximum number of conversations that `countConversations` checks for a text. */
export const MAX_COUNTED_WITH_TEXT = 5_000;

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
 *
 * A text that many conversations contain is found by checking the first conversations of the list; for any other text,
 * the index of words finds all candidates, which are then checked and ordered.
 */
export async function listConversations(
  db: Queryable,
  accountId: string,
  selection: ConversationSelection,
  page: Page<ListPosition>,
): Promise<FilteredPage<Conversation>> {
  const list = toFilteredList(db, accountId, selection);
  const { text } = selection.filter;
  if (text === undefined || list.ranges.length === 0) return readFilteredPage(db, list, page);
  const first = await readFilteredPage(db, list, page, FIRST_TEXT_LIMITS);
  if (first.stoppedAt === undefined) return first;
  // If the first step has found a twentieth of a page, the others probably find most, and faster than the index.
  const isFrequent = first.items.length * 20 >= page.limit;
  const checked = isFrequent ? await readFilteredPage(db, list, page, TEXT_LIMITS) : first;
  if (checked.stoppedAt === undefined) return checked;
  const candidateIds = await findTextCandidates(db, accountId, text);
  if (isFrequent && candidateIds === undefined) return checked;
  return readFilteredPage(db, toFilteredList(db, accountId, selection, candidateIds), page, TEXT_LIMITS);
}

/**
 * Counts the account's conversations that meet a filter: see `countFiltered`. With a text in too many messages to list
 * their conversations, counts among the first `MAX_COUNTED_WITH_TEXT`.
 */
export async function countConversations(
  db: Queryable,
  accountId: string,
  selection: ConversationSelection,
): Promise<number> {
  const { text } = selection.filter;
  if (text === undefined) return countFiltered(db, toFilteredList(db, accountId, selection));
  const candidateIds = await findTextCandidates(db, accountId, text);
  return countFiltered(db, toFilteredList(db, accountId, selection, candidateIds), MAX_COUNTED_WITH_TEXT);
}

function toFilteredList(
  db: Queryable,
  accountId: string,
  selection: ConversationSelection,
  candidateIds?: readonly string[],
) {
  return {
    table: 'conversations',
    orders: CONVERSATION_ORDERS,
    order: selection.order,
    column: ORDER_COLUMNS[selection.order.field],
    ranges: chooseRanges({ ...selection, accountId, isPostgres: isPostgres(db), candidateIds }),
    toItem: toConversation,
  } as const;
}
