import { type AliasedSelectQueryBuilder, sql } from 'kysely';
import type { Timestamp } from '../domain/time.ts';
import type { UsageCounts } from '../domain/usage.ts';
import { CHATBOT_NOT_DELETED } from './deleted-chatbots.ts';
import type { Queryable } from './tables.ts';

/** Selects the replies of a month; an absent field selects all. */
export interface UsageFilter {
  /** In UTC, `YYYY-MM`. */
  readonly month: string;
  readonly chatbotId?: string | undefined;
  readonly apiKeyId?: string | undefined;
  /** A session id; only with `chatbotId`. */
  readonly visitor?: string | undefined;
}

/** The columns by which usage can be grouped. */
export type UsageColumn = 'day' | 'chatbot_id' | 'api_key_id' | 'visitor';

/** The usage of one day, chatbot, API key or visitor. `key` is the day, the id, or the session id of the visitor. */
export interface UsageShare extends UsageCounts {
  readonly key: string;
}

/** The total usage of a month's replies. */
export async function sumUsage(db: Queryable, accountId: string, filter: UsageFilter): Promise<UsageCounts> {
  const sums = await db
    .selectFrom(selectUsage(db, accountId, filter))
    .select(SUMS)
    .executeTakeFirstOrThrow();
  return toCounts(sums);
}

/** The usage by day, in order; omits days without replies. */
export async function listUsageDays(db: Queryable, accountId: string, filter: UsageFilter): Promise<UsageShare[]> {
  const rows = await groupUsageBy(db, accountId, filter, 'day').orderBy('day').execute();
  return rows.map(toShare);
}

/**
 * The largest shares of a month's usage: the most expensive first, at equal prices those with the most replies first.
 * @param by the column to group by; `visitor` requires a chatbot in the filter.
 */
export async function listUsageShares(
  db: Queryable,
  accountId: string,
  filter: UsageFilter,
  { by, limit }: { by: UsageColumn; limit: number },
): Promise<UsageShare[]> {
  const rows = await groupUsageBy(db, accountId, filter, by)
    .orderBy('price_nano', 'desc')
    .orderBy('messages', 'desc')
    .orderBy(by)
    .limit(limit)
    .execute();
  return rows.map(toShare);
}

const COUNT_COLUMNS = [
  'messages',
  'input_tokens',
  'cached_tokens',
  'output_tokens',
  'reasoning_tokens',
  'price_nano',
  'unpriced_messages',
] as const;

/** The usage of one reply, or of several replies of a day. */
type UsageCountsRow = Readonly<Record<UsageColumn, string> & Record<(typeof COUNT_COLUMNS)[number], number>>;
type UsageSubquery = AliasedSelectQueryBuilder<UsageCountsRow, 'counted'>;
type Sums = Readonly<Record<(typeof COUNT_COLUMNS)[number], number>>;

const SUMS = COUNT_COLUMNS.map((column) => sql<number>`coalesce(sum(${sql.ref(`counted.${column}`)}), 0)`.as(column));

function groupUsageBy(db: Queryable, accountId: string, filter: UsageFilter, by: UsageColumn) {
  const counted = selectUsage(db, accountId, filter, by);
  return db.selectFrom(counted).select(`counted.${by} as key`).select(SUMS).groupBy(`counted.${by}`);
}

/** Usage by visitor comes from the messages, because `usage_days` has no visitors. */
function selectUsage(db: Queryable, accountId: string, filter: UsageFilter, by?: UsageColumn): UsageSubquery {
  const isByVisitor = filter.visitor !== undefined || by === 'visitor';
  return isByVisitor ? selectMessageUsage(db, accountId, filter) : selectUsageDays(db, accountId, filter);
}

/** Selects the daily usage of a month. Uses the primary key. */
function selectUsageDays(db: Queryable, accountId: string, { month, chatbotId, apiKeyId }: UsageFilter): UsageSubquery {
  return db
    .selectFrom('usage_days')
    .select(['day', 'chatbot_id', 'api_key_id', sql<string>`''`.as('visitor'), ...COUNT_COLUMNS])
    .where('account_id', '=', accountId)
    .where('day', '>=', month)
    .where('day', '<', upperBoundOf(month))
    .$if(chatbotId !== undefined, (days) => days.where('chatbot_id', '=', chatbotId ?? ''))
    .$if(apiKeyId !== undefined, (days) => days.where('api_key_id', '=', apiKeyId ?? ''))
    .as('counted');
}

/** Selects the usage of each reply of a chatbot. Uses `conversations_by_session` and `messages_shown`. */
function selectMessageUsage(
  db: Queryable,
  accountId: string,
  { month, chatbotId = '', apiKeyId, visitor }: UsageFilter,
): UsageSubquery {
  const orZero = (column: 'input_tokens' | 'cached_tokens' | 'output_tokens' | 'reasoning_tokens' | 'price_nano') =>
    sql<number>`coalesce(${sql.ref(`m.${column}`)}, 0)`.as(column);
  return (
    db
      .selectFrom('conversations as c')
      .innerJoin('messages as m', 'm.conversation_id', 'c.id')
      .select([
        sql<string>`substr(m.created_at, 1, 10)`.as('day'),
        'c.chatbot_id',
        sql<string>`coalesce(m.api_key_id, '')`.as('api_key_id'),
        'c.session_id as visitor',
        sql<number>`1`.as('messages'),
        orZero('input_tokens'),
        orZero('cached_tokens'),
        orZero('output_tokens'),
        orZero('reasoning_tokens'),
        orZero('price_nano'),
        sql<number>`case when m.price_nano is null then 1 else 0 end`.as('unpriced_messages'),
      ])
      .where('c.chatbot_id', '=', chatbotId)
      .where('c.account_id', '=', accountId)
      .where(CHATBOT_NOT_DELETED)
      // Skips conversations without a message since the start of the month.
      .where('c.updated_at', '>=', sql<Timestamp>`${month}`)
      .where('m.created_at', '>=', sql<Timestamp>`${month}`)
      .where('m.created_at', '<', sql<Timestamp>`${upperBoundOf(month)}`)
      .where('m.role', '=', 'ASSISTANT')
      .where('m.completed_at', 'is not', null)
      // Like `usage_days`, omits a reply that has no usage and no text.
      .where((eb) => eb.or([eb('m.input_tokens', 'is not', null), eb('m.content', '!=', '')]))
      .$if(visitor !== undefined, (replies) => replies.where('c.session_id', '=', visitor ?? ''))
      .$if(apiKeyId !== undefined, (replies) => replies.where('m.api_key_id', '=', apiKeyId ?? ''))
      .as('counted')
  );
}

/** Returns a text that sorts after every day and time of a month; the month itself sorts before them. */
const upperBoundOf = (month: string): string => `${month}-32`;

function toCounts(sums: Sums): UsageCounts {
  return {
    messages: Number(sums.messages),
    inputTokens: Number(sums.input_tokens),
    cachedTokens: Number(sums.cached_tokens),
    outputTokens: Number(sums.output_tokens),
    reasoningTokens: Number(sums.reasoning_tokens),
    priceNano: Number(sums.price_nano),
    unpricedMessages: Number(sums.unpriced_messages),
  };
}

const toShare = (row: Sums & { key: string }): UsageShare => ({ ...toCounts(row), key: row.key });
