import type { TokenUsage, Usage } from '../domain/entities.ts';
import type { Queryable } from './tables.ts';

/**
 * Reserves one AI reply of the account's month, in the transaction of the message.
 * @param limit replies a month; 0 means no limit.
 * @returns false when the month's replies are used up; nothing is changed then.
 */
export async function reserveReply(trx: Queryable, accountId: string, month: string, limit: number): Promise<boolean> {
  await trx
    .insertInto('usage')
    .values({ account_id: accountId, month, messages: 0, input_tokens: 0, output_tokens: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  let update = trx
    .updateTable('usage')
    .set((row) => ({ messages: row('messages', '+', 1) }))
    .where('account_id', '=', accountId)
    .where('month', '=', month);
  if (limit > 0) update = update.where('messages', '<', limit);
  return (await update.executeTakeFirst()).numUpdatedRows === 1n;
}

/** Gives a reserved reply back: no character of it was produced. */
export async function releaseReply(trx: Queryable, accountId: string, month: string): Promise<void> {
  await trx
    .updateTable('usage')
    .set((row) => ({ messages: row('messages', '-', 1) }))
    .where('account_id', '=', accountId)
    .where('month', '=', month)
    .where('messages', '>', 0)
    .execute();
}

/** Adds the tokens of one answer to the account's month. */
export async function addTokens(trx: Queryable, accountId: string, month: string, usage: TokenUsage): Promise<void> {
  await trx
    .updateTable('usage')
    .set((row) => ({
      input_tokens: row('input_tokens', '+', usage.inputTokens),
      output_tokens: row('output_tokens', '+', usage.outputTokens),
    }))
    .where('account_id', '=', accountId)
    .where('month', '=', month)
    .execute();
}

/** What the account used in a month; zeros when nothing. */
export async function getUsage(db: Queryable, accountId: string, month: string): Promise<Usage> {
  const row = await db
    .selectFrom('usage')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('month', '=', month)
    .executeTakeFirst();
  return {
    month,
    messages: row?.messages ?? 0,
    inputTokens: row?.input_tokens ?? 0,
    outputTokens: row?.output_tokens ?? 0,
  };
}
