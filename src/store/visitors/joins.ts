import type { Timestamp } from '../../domain/time.ts';
import type { Visitor } from '../../domain/visitors/visitors.ts';
import type { Queryable } from '../tables.ts';

/** Locks the conversations of a visitor until the end of the transaction, always in the same order. */
export async function lockConversationsOfVisitor(trx: Queryable, accountId: string, visitorId: string): Promise<void> {
  await trx
    .selectFrom('conversations')
    .select('id')
    .where('visitor_id', '=', visitorId)
    .where('account_id', '=', accountId)
    .orderBy('id')
    .forNoKeyUpdate()
    .execute();
}

/**
 * Joins an anonymous visitor to an identified one of the same chatbot: moves the conversations and the sessions, deletes
 * the anonymous visitor, and records as whom it was identified. The caller has locked the conversations and both visitors.
 */
export async function joinVisitors(
  trx: Queryable,
  { id, accountId }: Visitor,
  { id: joinedId }: Visitor,
  at: Timestamp,
): Promise<void> {
  for (const table of ['conversations', 'session_tokens'] as const) {
    await trx
      .updateTable(table)
      .set({ visitor_id: joinedId })
      .where('visitor_id', '=', id)
      .where('account_id', '=', accountId)
      .execute();
  }
  await trx
    .insertInto('visitor_joins')
    .values({ visitor_id: id, account_id: accountId, joined_id: joinedId, at })
    .execute();
  await trx.deleteFrom('visitors').where('id', '=', id).where('account_id', '=', accountId).execute();
}
