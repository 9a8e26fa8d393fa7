import type { Message } from '../domain/entities.ts';
import type { TokenUsage } from '../domain/usage.ts';
import type { Queryable } from './tables.ts';

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
 * Adds the usage of a reply to the day of its request.
 * @param messages 1, the default, for a finished reply; 0 to add usage to a reply that is already counted.
 */
export async function addDailyUsage(
  trx: Queryable,
  { accountId, createdAt, apiKeyId }: Pick<Message, 'accountId' | 'createdAt' | 'apiKeyId'>,
  {
    chatbotId,
    messages = 1,
    usage,
    priceNano,
  }: { chatbotId: string; messages?: 0 | 1; usage: Omit<TokenUsage, 'isEstimated'>; priceNano: number | null },
): Promise<void> {
  const counts = {
    messages,
    input_tokens: usage.inputTokens,
    cached_tokens: usage.cachedTokens,
    output_tokens: usage.outputTokens,
    reasoning_tokens: usage.reasoningTokens,
    price_nano: priceNano ?? 0,
    unpriced_messages: priceNano === null ? messages : 0,
  };
  const day = { account_id: accountId, day: createdAt.slice(0, 10), chatbot_id: chatbotId, api_key_id: apiKeyId ?? '' };
  await trx
    .insertInto('usage_days')
    .values({ ...day, ...counts })
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'day', 'chatbot_id', 'api_key_id']).doUpdateSet((row) => ({
        messages: row('usage_days.messages', '+', counts.messages),
        input_tokens: row('usage_days.input_tokens', '+', counts.input_tokens),
        cached_tokens: row('usage_days.cached_tokens', '+', counts.cached_tokens),
        output_tokens: row('usage_days.output_tokens', '+', counts.output_tokens),
        reasoning_tokens: row('usage_days.reasoning_tokens', '+', counts.reasoning_tokens),
        price_nano: row('usage_days.price_nano', '+', counts.price_nano),
        unpriced_messages: row('usage_days.unpriced_messages', '+', counts.unpriced_messages),
      })),
    )
    .execute();
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
