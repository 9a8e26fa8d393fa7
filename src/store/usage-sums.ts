import { type AliasedSelectQueryBuilder, sql } from 'kysely';
import type { Timestamp } from '../domain/time.ts';
import type { UsageCounts } from '../domain/usage.ts';
import { IS_OF_CHATBOT } from './deleted-chatbots.ts';
import type { Queryable } from './tables.ts';

/** Selects replies of a month; an absent field does not filter. */
export interface UsageFilter {
  /** In UTC, `YYYY-MM`. */
  readonly month: string;
  readonly chatbotId?: string | undefined;
  readonly apiKeyId?: string | undefined;
  /** A session id; only with `chatbotId`. */
  readonly visitor?: string | undefined;
}

/** The columns that usage can be split by. */
export type UsageColumn = 'day' | 'chatbot_id' | 'api_key_id' | 'visitor';

/** The usage of one day, chatbot, API key or visitor, named by `key`. */
export interface UsageShare extends UsageCounts {
  readonly key: string;
}

/** The total usage of a month's replies. */
export async function sumUsage(db: Queryable, accountId: string, filter: UsageFilter): Promise<UsageCounts> {
  const sums = await db
    .selectFrom(countReplies(db, accountId, filter))
    .select(SUMS)
    .executeTakeFirstOrThrow();
  return toCounts(sums);
}

/** The usage by day, in order; days without replies are left out. */
export async function listUsageDays(db: Queryable, accountId: string, filter: UsageFilter): Promise<UsageShare[]> {
  const rows = await splitBy(db, accountId, filter, 'day').orderBy('day').execute();
  return rows.map(toShare);
}

/**
 * The largest shares of a month's usage: the most expensive first, then those with the most replies.
 * @param by `visitor` only with a chatbot in the filter.
 */
export async function listUsageShares(
  db: Queryable,
  accountId: string,
  filter: UsageFilter,
  { by, limit }: { by: UsageColumn; limit: number },
): Promise<UsageShare[]> {
  const rows = await splitBy(db, accountId, filter, by)
    .orderBy('price_nano', 'desc')
    .orderBy('messages', 'desc')
    .orderBy(by)
    .limit(limit)
    .execute();
  return rows.map(toShare);
}

const COUNTS = [
  'messages',
  'input_tokens',
  'cached_tokens',
  'output_tokens',
  'reasoning_tokens',
  'price_nano',
  'unpriced_messages',
] as const;

/** Counted replies: single ones, or a day's together. */
type CountedRow = Readonly<Record<UsageColumn, string> & Record<(typeof COUNTS)[number], number>>;
type Counted = AliasedSelectQueryBuilder<CountedRow, 'counted'>;
type Sums = Readonly<Record<(typeof COUNTS)[number], number>>;

const SUMS = COUNTS.map((column) => sql<number>`coalesce(sum(${sql.ref(`counted.${column}`)}), 0)`.as(column));

function splitBy(db: Queryable, accountId: string, filter: UsageFilter, by: UsageColumn) {
  const counted = countReplies(db, accountId, filter, by);
  return db.selectFrom(counted).select(`counted.${by} as key`).select(SUMS).groupBy(`counted.${by}`);
}

/** The table of days has no visitors: usage by visitor is counted from the messages. */
function countReplies(db: Queryable, accountId: string, filter: UsageFilter, by?: UsageColumn): Counted {
  const isOfVisitors = filter.visitor !== undefined || by === 'visitor';
  return isOfVisitors ? countMessages(db, accountId, filter) : countDays(db, accountId, filter);
}

/** Uses the primary key. */
function countDays(db: Queryable, accountId: string, { month, chatbotId, apiKeyId }: UsageFilter): Counted {
  return db
    .selectFrom('usage_days')
    .select(['day', 'chatbot_id', 'api_key_id', sql<string>`''`.as('visitor'), ...COUNTS])
    .where('account_id', '=', accountId)
    .where('day', '>=', month)
    .where('day', '<', endOf(month))
    .$if(chatbotId !== undefined, (days) => days.where('chatbot_id', '=', chatbotId ?? ''))
    .$if(apiKeyId !== undefined, (days) => days.where('api_key_id', '=', apiKeyId ?? ''))
    .as('counted');
}

/** Counts the messages of a chatbot's conversations. Uses `conversations_by_session` and `messages_shown`. */
function countMessages(
  db: Queryable,
  accountId: string,
  { month, chatbotId = '', apiKeyId, visitor }: UsageFilter,
): Counted {
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
      .where(IS_OF_CHATBOT)
      // Skips conversations without a message since the start of the month.
      .where('c.updated_at', '>=', sql<Timestamp>`${month}`)
      .where('m.created_at', '>=', sql<Timestamp>`${month}`)
      .where('m.created_at', '<', sql<Timestamp>`${endOf(month)}`)
      .where('m.role', '=', 'ASSISTANT')
      .where('m.completed_at', 'is not', null)
      // As in the counts by day: a reply that never started used nothing.
      .where((eb) => eb.or([eb('m.input_tokens', 'is not', null), eb('m.content', '!=', '')]))
      .$if(visitor !== undefined, (replies) => replies.where('c.session_id', '=', visitor ?? ''))
      .$if(apiKeyId !== undefined, (replies) => replies.where('m.api_key_id', '=', apiKeyId ?? ''))
      .as('counted')
  );
}

/** Sorts after every day and moment of the month; the month itself sorts before them. */
const endOf = (month: string): string => `${month}-32`;

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
