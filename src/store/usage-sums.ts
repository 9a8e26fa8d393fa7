import { type AliasedSelectQueryBuilder, sql } from 'kysely';
import type { Timestamp } from '../domain/time.ts';
import type { UsageCounts } from '../domain/usage.ts';
import type { LocalDay, UsagePeriod } from '../domain/usage-period.ts';
import { CHATBOT_NOT_DELETED } from './deleted-chatbots.ts';
import type { Queryable } from './tables.ts';
import { USAGE_COUNT_COLUMNS, type UsageCountColumns } from './usage-rows.ts';

/** Selects the replies that were requested in a period; an absent field selects all. */
export interface UsageFilter {
  readonly period: UsagePeriod;
  readonly chatbotId?: string | undefined;
  /** The only chatbots whose replies count; absent: all. */
  readonly chatbotIds?: readonly string[] | undefined;
  readonly apiKeyId?: string | undefined;
  /** A session id; only with `chatbotId`. */
  readonly visitor?: string | undefined;
}

/** The columns by which usage can be grouped. */
export type UsageColumn = 'chatbot_id' | 'api_key_id' | 'visitor';

/** The usage of one day, chatbot, API key or visitor. `key` is the day, the id, or the session id of the visitor. */
export interface UsageShare extends UsageCounts {
  readonly key: string;
}

/** The total usage of a period's replies. */
export async function sumUsage(db: Queryable, accountId: string, filter: UsageFilter): Promise<UsageCounts> {
  const sums = await db
    .selectFrom(selectUsage(db, accountId, filter))
    .select(SUMS)
    .executeTakeFirstOrThrow();
  return toCounts(sums);
}

/** The usage by day, in order; omits days without replies. */
export async function listUsageDays(db: Queryable, accountId: string, filter: UsageFilter): Promise<UsageShare[]> {
  const { localDays } = filter.period;
  // The hours of most time zones begin with those of UTC, so that far fewer rows are read than there are quarter-hours.
  const hasWholeHours = localDays?.every(({ start }) => start.endsWith(':00')) ?? true;
  const length = localDays === null ? DAY_LENGTH : hasWholeHours ? HOUR_LENGTH : QUARTER_HOUR_LENGTH;
  const time = sql<string>`substr(counted.at, 1, ${sql.lit(length)})`;
  const rows = await db
    .selectFrom(selectUsage(db, accountId, filter))
    .select(time.as('key'))
    .select(SUMS)
    .groupBy(time)
    .orderBy(time)
    .execute();
  return (localDays === null ? rows : sumByLocalDay(rows, localDays)).map(toShare);
}

/**
 * The largest shares of a period's usage: the most expensive first, at equal prices those with the most replies first.
 * @param by the column to group by; `visitor` requires a chatbot in the filter.
 */
export async function listUsageShares(
  db: Queryable,
  accountId: string,
  filter: UsageFilter,
  { by, limit }: { by: UsageColumn; limit: number },
): Promise<UsageShare[]> {
  const rows = await db
    .selectFrom(selectUsage(db, accountId, filter, by))
    .select(`counted.${by} as key`)
    .select(SUMS)
    .groupBy(`counted.${by}`)
    .orderBy(sql`sum(counted.price_nano)`, 'desc')
    .orderBy(sql`sum(counted.messages)`, 'desc')
    .orderBy(`counted.${by}`)
    .limit(limit)
    .execute();
  return rows.map(toShare);
}

const DAY_LENGTH = 'YYYY-MM-DD'.length;
const HOUR_LENGTH = 'YYYY-MM-DDTHH'.length;
const QUARTER_HOUR_LENGTH = 'YYYY-MM-DDTHH:MM'.length;

/** The usage of one reply, or of several replies of a day or a quarter-hour, with the beginning of its time. */
type UsageCountsRow = Readonly<Record<UsageColumn | 'at', string> & UsageCountColumns>;
type UsageSubquery = AliasedSelectQueryBuilder<UsageCountsRow, 'counted'>;
type Sums = Readonly<Record<(typeof USAGE_COUNT_COLUMNS)[number], string | bigint>>;
type KeyedSums = Sums & { readonly key: string };

/** Sums as texts, because drivers round numbers beyond 2^53. */
const SUMS = USAGE_COUNT_COLUMNS.map((column) =>
  sql<string>`cast(coalesce(sum(${sql.ref(`counted.${column}`)}), 0) as text)`.as(column),
);

/** Usage by visitor comes from the messages, because the tables of usage have no visitors. */
function selectUsage(db: Queryable, accountId: string, filter: UsageFilter, by?: UsageColumn): UsageSubquery {
  const isByVisitor = filter.visitor !== undefined || by === 'visitor';
  return isByVisitor ? selectMessageUsage(db, accountId, filter) : selectStoredUsage(db, accountId, filter);
}

/** Selects the usage by day, or by quarter-hour for days of a time zone. Uses the primary key. */
function selectStoredUsage(
  db: Queryable,
  accountId: string,
  { period, chatbotId, chatbotIds, apiKeyId }: UsageFilter,
): UsageSubquery {
  const [table, column] =
    period.localDays === null ? (['usage_days', 'day'] as const) : (['usage_quarter_hours', 'quarter_hour'] as const);
  const at = sql.ref<string>(column);
  return db
    .selectFrom(table)
    .select([at.as('at'), 'chatbot_id', 'api_key_id', sql<string>`''`.as('visitor'), ...USAGE_COUNT_COLUMNS])
    .where('account_id', '=', accountId)
    .where(at, '>=', period.start)
    .where(at, '<', period.end)
    .$if(chatbotId !== undefined, (rows) => rows.where('chatbot_id', '=', chatbotId ?? ''))
    .$if(chatbotIds !== undefined, (rows) => rows.where('chatbot_id', 'in', chatbotIds ?? []))
    .$if(apiKeyId !== undefined, (rows) => rows.where('api_key_id', '=', apiKeyId ?? ''))
    .as('counted');
}

/** Selects the usage of each reply of a chatbot. Uses `conversations_by_session` and `messages_shown`. */
function selectMessageUsage(
  db: Queryable,
  accountId: string,
  { period, chatbotId = '', apiKeyId, visitor }: UsageFilter,
): UsageSubquery {
  const orZero = (column: 'input_tokens' | 'cached_tokens' | 'output_tokens' | 'reasoning_tokens' | 'price_nano') =>
    sql<number>`coalesce(${sql.ref(`m.${column}`)}, 0)`.as(column);
  const countIf = (column: 'outcome' | 'rating', value: string) =>
    sql<number>`case when ${sql.ref(`m.${column}`)} = ${sql.lit(value)} then 1 else 0 end`;
  return (
    db
      .selectFrom('conversations as c')
      .innerJoin('messages as m', 'm.conversation_id', 'c.id')
      .select([
        'm.created_at as at',
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
        countIf('outcome', 'ANSWERED').as('answered'),
        countIf('outcome', 'UNSURE').as('unsure'),
        countIf('outcome', 'FALLBACK').as('fallbacks'),
        countIf('rating', 'UP').as('rated_up'),
        countIf('rating', 'DOWN').as('rated_down'),
      ])
      .where('c.chatbot_id', '=', chatbotId)
      .where('c.account_id', '=', accountId)
      .where(CHATBOT_NOT_DELETED)
      // Skips conversations without a message since the start of the period.
      .where('c.updated_at', '>=', sql<Timestamp>`${period.start}`)
      .where('m.created_at', '>=', sql<Timestamp>`${period.start}`)
      .where('m.created_at', '<', sql<Timestamp>`${period.end}`)
      .where('m.role', '=', 'ASSISTANT')
      .where('m.completed_at', 'is not', null)
      // Like the tables of usage, omits a reply that has no usage and no text.
      .where((eb) => eb.or([eb('m.input_tokens', 'is not', null), eb('m.content', '!=', '')]))
      .$if(visitor !== undefined, (replies) => replies.where('c.session_id', '=', visitor ?? ''))
      .$if(apiKeyId !== undefined, (replies) => replies.where('m.api_key_id', '=', apiKeyId ?? ''))
      .as('counted')
  );
}

/** Sums rows of hours or quarter-hours, in order, by the local day in which they begin; a year may have 35,136 of them. */
function sumByLocalDay(rows: readonly KeyedSums[], localDays: readonly LocalDay[]): KeyedSums[] {
  const sumsByDay = new Map<string, Record<(typeof USAGE_COUNT_COLUMNS)[number], bigint>>();
  let index = 0;
  for (const row of rows) {
    const at = row.key.padEnd(QUARTER_HOUR_LENGTH, ':00');
    while ((localDays[index + 1]?.start ?? '~') <= at) index++;
    const day = localDays[index]?.day ?? '';
    const sums = sumsByDay.get(day);
    if (sums === undefined) sumsByDay.set(day, toBigInts(row));
    else for (const column of USAGE_COUNT_COLUMNS) if (row[column] !== '0') sums[column] += BigInt(row[column]);
  }
  return [...sumsByDay].map(([key, sums]) => ({ ...sums, key }));
}

function toBigInts(sums: Sums): Record<(typeof USAGE_COUNT_COLUMNS)[number], bigint> {
  return Object.fromEntries(USAGE_COUNT_COLUMNS.map((column) => [column, BigInt(sums[column])])) as never;
}

function toCounts(sums: Sums): UsageCounts {
  return {
    messages: BigInt(sums.messages),
    inputTokens: BigInt(sums.input_tokens),
    cachedTokens: BigInt(sums.cached_tokens),
    outputTokens: BigInt(sums.output_tokens),
    reasoningTokens: BigInt(sums.reasoning_tokens),
    priceNano: BigInt(sums.price_nano),
    unpricedMessages: BigInt(sums.unpriced_messages),
    answered: BigInt(sums.answered),
    unsure: BigInt(sums.unsure),
    fallbacks: BigInt(sums.fallbacks),
    ratedUp: BigInt(sums.rated_up),
    ratedDown: BigInt(sums.rated_down),
  };
}

const toShare = (row: KeyedSums): UsageShare => ({ ...toCounts(row), key: row.key });
