import { sql } from 'kysely';
import type { Message, Rating } from '../domain/entities.ts';
import type { TokenUsage } from '../domain/usage.ts';
import { formatQuarterHour } from '../domain/usage-period.ts';
import { prepareQuery } from './engines/prepared.ts';
import type { Queryable } from './tables.ts';
import { USAGE_COUNT_COLUMNS, type UsageCountColumns } from './usage-rows.ts';

/**
 * Reserves one AI reply of the account's monthly quota, in the transaction of the message, and locks the row of the
 * month until the transaction ends.
 * @param limit the maximum number of replies per month; 0 means no limit.
 * @returns how many replies of the month are reserved, including this one; `undefined`, without a change, when the
 * quota is exhausted.
 */
export async function reserveReply(
  trx: Queryable,
  accountId: string,
  month: string,
  limit: number,
): Promise<number | undefined> {
  await trx
    .insertInto('usage')
    .values({ account_id: accountId, month, messages: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  let update = trx
    .updateTable('usage')
    .set((row) => ({ messages: row('messages', '+', 1) }))
    .where('account_id', '=', accountId)
    .where('month', '=', month);
  if (limit > 0) update = update.where('messages', '<', limit);
  return (await update.returning('messages').executeTakeFirst())?.messages;
}

/** Cancels the reservation of a reply that has no text: the reply no longer counts against the quota. */
export async function releaseReply(trx: Queryable, accountId: string, month: string): Promise<void> {
  await trx
    .updateTable('usage')
    .set((row) => ({ messages: row('messages', '-', 1) }))
    .where('account_id', '=', accountId)
    .where('month', '=', month)
    .where('messages', '>', 0)
    .execute();
}

/**
 * Adds to the usage of the day and of the quarter-hour in which a reply was requested. The caller has locked its
 * conversation and, if it appends an event, the chatbot: all callers lock the rows of the usage last.
 */
export async function addUsageCounts(
  trx: Queryable,
  { accountId, createdAt, apiKeyId }: Pick<Message, 'accountId' | 'createdAt' | 'apiKeyId'>,
  chatbotId: string,
  counts: Partial<UsageCountColumns>,
): Promise<void> {
  const values = USAGE_COUNT_COLUMNS.map((column) => counts[column] ?? 0);
  const source = [chatbotId, apiKeyId ?? ''];
  await ADD_TO_DAY(trx, [accountId, createdAt.slice(0, 10), ...source, ...values]);
  await ADD_TO_QUARTER_HOUR(trx, [accountId, formatQuarterHour(Date.parse(createdAt)), ...source, ...values]);
}

/** Returns the columns of a usage; `messages` is 0 for a reply that is already counted. */
export function toUsageCounts(
  usage: Omit<TokenUsage, 'isEstimated'>,
  { messages, priceNano }: { messages: 0 | 1; priceNano: number | null },
): Partial<UsageCountColumns> {
  return {
    messages,
    input_tokens: usage.inputTokens,
    cached_tokens: usage.cachedTokens,
    output_tokens: usage.outputTokens,
    reasoning_tokens: usage.reasoningTokens,
    price_nano: priceNano ?? 0,
    unpriced_messages: priceNano === null ? messages : 0,
  };
}

/** Counts a change of the rating of a reply; null is no rating. */
export async function countRating(trx: Queryable, reply: Message, chatbotId: string, rating: Rating | null) {
  if (reply.role !== 'ASSISTANT' || reply.rating === rating) return;
  const change = (name: Rating) => Number(rating === name) - Number(reply.rating === name);
  await addUsageCounts(trx, reply, chatbotId, { rated_up: change('UP'), rated_down: change('DOWN') });
}

const ADD_TO_DAY = prepareAddition('usage_days', 'day');
const ADD_TO_QUARTER_HOUR = prepareAddition('usage_quarter_hours', 'quarter_hour');

function prepareAddition(table: 'usage_days' | 'usage_quarter_hours', period: 'day' | 'quarter_hour') {
  const key = ['account_id', period, 'chatbot_id', 'api_key_id'];
  const sums = USAGE_COUNT_COLUMNS.map((column) => {
    const name = sql.ref(column);
    return sql`${name} = ${sql.table(table)}.${name} + excluded.${name}`;
  });
  const row = Object.fromEntries([...key, ...USAGE_COUNT_COLUMNS].map((column) => [column, '']));
  return prepareQuery((trx) =>
    trx
      .insertInto(table)
      .values(row as never)
      .modifyEnd(sql`on conflict (${sql.join(key.map((column) => sql.ref(column)))}) do update set ${sql.join(sums)}`),
  );
}

/** How many replies of a month count against the account's quota, open replies included. */
export async function countReservedReplies(db: Queryable, accountId: string, month: string): Promise<number> {
  const row = await db
    .selectFrom('usage')
    .select('messages')
    .where('account_id', '=', accountId)
    .where('month', '=', month)
    .executeTakeFirst();
  return row?.messages ?? 0;
}
