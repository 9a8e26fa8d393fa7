import { type Selectable, sql } from 'kysely';
import {
  type ConversationFilter,
  type ConversationOrder,
  type ListPosition,
  positionOf,
} from '../../domain/conversation-list.ts';
import type { Conversation } from '../../domain/entities.ts';
import type { Timestamp } from '../../domain/time.ts';
import { toConversation } from '../conversations.ts';
import { isPostgres } from '../engines/engine.ts';
import { type Page, prepareLists } from '../pages.ts';
import type { Queryable } from '../tables.ts';
import { type ConversationList, chooseRanges, type IndexRange, ORDER_COLUMNS } from './conversation-filter.ts';
import type { ConversationRow } from './conversation-row.ts';

/** A page of an ordered list, in the order of the list. */
export interface ConversationPage {
  readonly conversations: readonly Conversation[];
  /**
   * The position at which the reading stopped before it found as many conversations as requested; undefined if it found
   * them, or has reached the end of the list.
   */
  readonly stoppedAt: ListPosition | undefined;
}

/**
 * How many conversations a page first checks for a filter, and then at most. Most pages are full after the first step,
 * for which Postgres always uses the index of the order; the second takes about 10 ms.
 */
const FIRST_CHECKS = 200;
const MAX_CHECKS = 10_000;
/** How many conversations `countConversations` checks at most. */
export const MAX_COUNTED = 50_000;

/**
 * The conversations of several chatbots, for each chatbot in the order of `order`. Uses
 * `conversations_of_chatbot_by_message` or `conversations_of_chatbot_by_creation`.
 */
export async function listConversationsByChatbot(
  db: Queryable,
  accountId: string,
  { chatbotIds, order }: { chatbotIds: readonly string[]; order: ConversationOrder },
  page: Page<ListPosition>,
): Promise<Conversation[][]> {
  const column = ORDER_COLUMNS[order.field];
  const direction = order.direction === 'ASC' ? 'asc' : 'desc';
  const key = `${column} ${direction}`;
  const read = LISTS.get(key) ?? prepareLists(direction, selectOfChatbot, 'chatbot_id', column);
  LISTS.set(key, read);
  return (await read(db, chatbotIds, [accountId], page)).map((rows) => rows.map(toConversation));
}

type ReadLists = ReturnType<typeof prepareLists<'conversations', Selectable<ConversationRow>, ListPosition>>;
const LISTS = new Map<string, ReadLists>();
const selectOfChatbot = (db: Queryable) =>
  db.selectFrom('conversations').selectAll().where('chatbot_id', '=', '').where('account_id', '=', '');

/**
 * Reads a page of the account's conversations that meet a filter. Reads a bounded number of rows: if the conversations
 * that meet the filter are rare, and no index finds them, the page ends early at `stoppedAt`, and the next continues
 * there. Uses the indexes of migration 0016.
 */
export async function listConversations(
  db: Queryable,
  accountId: string,
  list: { filter: ConversationFilter; order: ConversationOrder; now: Timestamp },
  page: Page<ListPosition>,
): Promise<ConversationPage> {
  if (selectsNone(list.filter) || page.limit === 0) return { conversations: [], stoppedAt: undefined };
  const { field, direction } = list.order;
  const isAscending = (direction === 'ASC') !== (page.fromEnd === true);
  const [start, end] = page.fromEnd ? [page.before, page.after] : [page.after, page.before];
  const scan = { column: ORDER_COLUMNS[field], isAscending, start, end };
  const ranges = chooseRanges({ ...list, accountId, isPostgres: isPostgres(db) });
  const limits = { limit: page.limit, maxChecks: Math.ceil(MAX_CHECKS / ranges.length) };
  const parts = await Promise.all(ranges.map((range) => readRange(db, range, scan, limits)));
  const isBefore = (a: ListPosition, b: ListPosition) =>
    a.value === b.value ? a.id !== b.id && a.id < b.id === isAscending : a.value < b.value === isAscending;
  const [stoppedAt] = parts.flatMap((part) => part.stoppedAt ?? []).sort((a, b) => (isBefore(a, b) ? -1 : 1));
  const found = parts
    .flatMap(({ rows }) => rows.map(toConversation))
    .map((conversation) => ({ conversation, position: positionOf(field, conversation) }))
    // The range whose reading stopped may contain more conversations from there on.
    .filter(({ position }) => stoppedAt === undefined || !isBefore(stoppedAt, position))
    .sort((a, b) => (isBefore(a.position, b.position) ? -1 : 1))
    .slice(0, page.limit);
  const conversations = found.map(({ conversation }) => conversation);
  return {
    conversations: page.fromEnd ? conversations.reverse() : conversations,
    stoppedAt: found.length < page.limit ? stoppedAt : undefined,
  };
}

/** Counts the account's conversations that meet a filter, among the first `MAX_COUNTED` in the order of the list. */
export async function countConversations(
  db: Queryable,
  accountId: string,
  list: Omit<ConversationList, 'accountId' | 'isPostgres'>,
): Promise<number> {
  if (selectsNone(list.filter)) return 0;
  const ranges = chooseRanges({ ...list, accountId, isPostgres: isPostgres(db) });
  const column = sql.ref(ORDER_COLUMNS[list.order.field]);
  const direction = sql.raw(list.order.direction);
  const counts = await Promise.all(
    ranges.map(async ({ hint, where, checks }) => {
      const { rows } = await sql<{ count: number | string }>`
        select count(*) as count from (
          select * from conversations ${hint} where ${where}
          order by ${column} ${direction}, id ${direction} limit ${Math.ceil(MAX_COUNTED / ranges.length)}
        ) as scanned where ${sql.join(checks, sql` and `)}`.execute(db);
      return Number(rows[0]?.count ?? 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The part of a range that a page reads: from `start` to `end`, which are excluded, in the direction of the reading. */
interface Scan {
  readonly column: string;
  /** Against the order of the list for its last conversations. */
  readonly isAscending: boolean;
  readonly start: ListPosition | undefined;
  readonly end: ListPosition | undefined;
}

/** Reads the first `limit` matching rows of a range; checks a few rows first, and at most `maxChecks`. */
async function readRange(
  db: Queryable,
  range: IndexRange,
  scan: Scan,
  { limit, maxChecks }: { limit: number; maxChecks: number },
): Promise<{ rows: Selectable<ConversationRow>[]; stoppedAt: ListPosition | undefined }> {
  const rows: Selectable<ConversationRow>[] = [];
  let start = scan.start;
  let stoppedAt: ListPosition | undefined;
  for (const maxRows of [FIRST_CHECKS, maxChecks - FIRST_CHECKS]) {
    const window = selectWindow(range, { ...scan, start });
    const checks = sql.join(range.checks, sql` and `);
    const matching = await sql<Selectable<ConversationRow>>`
      select * from (select * ${window} limit ${maxRows}) as scanned where ${checks} limit ${limit - rows.length}
    `.execute(db);
    rows.push(...matching.rows);
    if (rows.length >= limit) return { rows, stoppedAt: undefined };
    const last = await sql<ListPosition>`
      select ${sql.ref(scan.column)} as value, id ${window} limit 1 offset ${maxRows - 1}`.execute(db);
    stoppedAt = last.rows[0];
    if (stoppedAt === undefined) break;
    start = stoppedAt;
  }
  return { rows, stoppedAt };
}

/** The rows of a range, in the direction of the reading; without the columns and the limit. */
function selectWindow({ hint, where }: IndexRange, { column, isAscending, start, end }: Scan) {
  const bound = (position: ListPosition | undefined, comparison: '<' | '>') =>
    position && sql` and (${sql.ref(column)}, id) ${sql.raw(comparison)} (${position.value}, ${position.id})`;
  const bounds = [bound(start, isAscending ? '>' : '<'), bound(end, isAscending ? '<' : '>')];
  const direction = sql.raw(isAscending ? 'asc' : 'desc');
  return sql`
    from conversations ${hint} where ${where}${bounds[0] ?? sql``}${bounds[1] ?? sql``}
    order by ${sql.ref(column)} ${direction}, id ${direction}`;
}

/** Whether a filter names no value at all for a field. */
function selectsNone({ chatbotIds, statuses, channels, labels }: ConversationFilter): boolean {
  return [chatbotIds, statuses, channels, labels].some((values) => values?.length === 0);
}
