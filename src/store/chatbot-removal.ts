import { sql } from 'kysely';
import { IS_OPEN_REPLY } from './cluster/unowned-replies.ts';
import type { DeletedChatbot } from './deleted-chatbots.ts';
import { addBudgetUsage, parseBudgetIds } from './limits/budgets.ts';
import { unindexChatbot, unindexSource } from './search/inverted-index.ts';
import type { Queryable } from './tables.ts';
import { releaseReply } from './usage.ts';

/** The maximum number of rows that one statement deletes. */
const MAX_ROWS = 500;
/** The maximum number of conversations that one transaction deletes. */
const MAX_CONVERSATIONS = 50;

/**
 * Removes part of a deleted chatbot's rows: at most a few hundred rows or one source. The last part is the chatbot
 * itself. Two gateways may call this function concurrently. After a crash, the next call continues.
 * @returns whether another call is needed now.
 */
export async function removeChatbotPart(trx: Queryable, chatbot: DeletedChatbot): Promise<boolean> {
  return (
    (await removeConversations(trx, chatbot.id)) ||
    (await removeSource(trx, chatbot)) ||
    (await removeIdempotencyKeys(trx, chatbot.id)) ||
    (await removeDeliveries(trx, chatbot.id)) ||
    (await removeRowsOfChatbot(trx, 'session_tokens', chatbot.id)) ||
    (await removeRowsOfChatbot(trx, 'visitors', chatbot.id)) ||
    (await removeChatbot(trx, chatbot))
  );
}

/** Skips conversations that another transaction has locked: a later call removes them. */
async function removeConversations(trx: Queryable, chatbotId: string): Promise<boolean> {
  const withOpenReplies = await lockConversations(trx, chatbotId, true);
  const ids = withOpenReplies.length > 0 ? withOpenReplies : await lockConversations(trx, chatbotId, false);
  if (ids.length === 0) return false;
  await removeOpenReplies(trx, ids);
  for (const table of ['messages', 'leads', 'conversation_activities']) {
    if (await removeRowsOf(trx, table, ids)) return true;
  }
  const events = await sql`
    delete from conversation_events where (conversation_id, number) in (
      select conversation_id, number from conversation_events where conversation_id in (${sql.join(ids)})
      limit ${sql.lit(MAX_ROWS)})`.execute(trx);
  if (events.numAffectedRows === BigInt(MAX_ROWS)) return true;
  await trx.deleteFrom('conversations').where('id', 'in', ids).execute();
  return true;
}

/** Removes rows of conversations, at most `MAX_ROWS`. Returns whether more may remain. */
async function removeRowsOf(trx: Queryable, table: string, conversationIds: readonly string[]): Promise<boolean> {
  const { numAffectedRows } = await sql`
    delete from ${sql.table(table)} where id in (
      select id from ${sql.table(table)} where conversation_id in (${sql.join([...conversationIds])})
      limit ${sql.lit(MAX_ROWS)})`.execute(trx);
  return numAffectedRows === BigInt(MAX_ROWS);
}

/** Removes rows of a chatbot, at most `MAX_ROWS`. Returns whether more may remain. */
async function removeRowsOfChatbot(trx: Queryable, table: string, chatbotId: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    delete from ${sql.table(table)} where id in (
      select id from ${sql.table(table)} where chatbot_id = ${chatbotId} limit ${sql.lit(MAX_ROWS)})`.execute(trx);
  return numAffectedRows === BigInt(MAX_ROWS);
}

/**
 * Locks conversations of a chatbot. The caller removes the conversations with open replies first, so that these replies
 * soon stop counting against the quota.
 */
async function lockConversations(trx: Queryable, chatbotId: string, onlyWithOpenReplies: boolean): Promise<string[]> {
  const list = trx
    .selectFrom('conversations')
    .select('id')
    .where('chatbot_id', '=', chatbotId)
    .orderBy('id')
    .limit(MAX_CONVERSATIONS)
    .forUpdate()
    .skipLocked();
  const idsWithOpenReplies = (db: Queryable) =>
    db.selectFrom('messages').select('conversation_id').where(IS_OPEN_REPLY);
  const rows = await (onlyWithOpenReplies ? list.where('id', 'in', idsWithOpenReplies(trx)) : list).execute();
  return rows.map(({ id }) => id);
}

/** Removes open replies. A removed reply without any text no longer counts against the quota. */
async function removeOpenReplies(trx: Queryable, conversationIds: readonly string[]): Promise<void> {
  const removed = await trx
    .deleteFrom('messages')
    .where(IS_OPEN_REPLY)
    .where('conversation_id', 'in', conversationIds)
    .returning(['account_id', 'content', 'created_at', 'budget_ids'])
    .execute();
  for (const { account_id: accountId, content, created_at: createdAt, budget_ids: budgetIds } of removed) {
    if (content !== '') continue;
    const month = createdAt.slice(0, 7);
    await releaseReply(trx, accountId, month);
    for (const ownerId of parseBudgetIds(budgetIds)) {
      await addBudgetUsage(trx, { accountId, ownerId, month }, { messages: -1 });
    }
  }
}

async function removeSource(trx: Queryable, { id, accountId }: DeletedChatbot): Promise<boolean> {
  const source = await trx.selectFrom('sources').select('id').where('chatbot_id', '=', id).limit(1).executeTakeFirst();
  if (source === undefined) return false;
  await trx.deleteFrom('sources').where('id', '=', source.id).execute();
  await unindexSource(trx, accountId, source.id);
  return true;
}

async function removeIdempotencyKeys(trx: Queryable, chatbotId: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    delete from idempotency_keys where (chatbot_id, operation, key) in (
      select chatbot_id, operation, key from idempotency_keys where chatbot_id = ${chatbotId}
      limit ${sql.lit(MAX_ROWS)})`.execute(trx);
  return numAffectedRows === BigInt(MAX_ROWS);
}

async function removeDeliveries(trx: Queryable, chatbotId: string): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom('webhook_deliveries')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('webhook_deliveries as old')
        .innerJoin('webhook_subscriptions as endpoint', 'endpoint.id', 'old.subscription_id')
        .select('old.id')
        .where('endpoint.chatbot_id', '=', chatbotId)
        .limit(MAX_ROWS),
    )
    .executeTakeFirstOrThrow();
  return numDeletedRows === BigInt(MAX_ROWS);
}

/**
 * Does nothing while a conversation remains, because it was locked or is new. A later call removes the conversation and
 * the chatbot.
 */
async function removeChatbot(trx: Queryable, { id, accountId }: DeletedChatbot): Promise<boolean> {
  const remaining = await trx.selectFrom('conversations').select('id').where('chatbot_id', '=', id).limit(1).execute();
  if (remaining.length > 0) return false;
  await unindexChatbot(trx, accountId, id);
  await trx.deleteFrom('chatbots').where('id', '=', id).where('account_id', '=', accountId).execute();
  return false;
}
