import { type LoggedEvent, toLoggedEvent } from '../events.ts';
import type { Queryable } from '../tables.ts';

/** The events in a shard of an account's log after a number, oldest first. Uses `conversation_events_by_account`. */
export async function listShardEvents(
  db: Queryable,
  accountId: string,
  { shard, after, limit }: { shard: string; after: number; limit: number },
): Promise<LoggedEvent[]> {
  const rows = await db
    .selectFrom('conversation_events')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('shard', '=', shard)
    .where('shard_number', '>', after)
    .orderBy('shard_number')
    .limit(limit)
    .execute();
  return rows.map(toLoggedEvent);
}

/**
 * The last event of a conversation or a chatbot whose number in its shard is at most `shardNumber`; `undefined` if there
 * is none. Reads the later events of the conversation or the chatbot too: they are few, unless the position is old.
 */
export async function findLastEventUpTo(
  db: Queryable,
  accountId: string,
  owner: { conversationId: string } | { chatbotId: string },
  shardNumber: number,
): Promise<LoggedEvent | undefined> {
  const query = db
    .selectFrom('conversation_events')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('shard_number', '<=', shardNumber)
    .limit(1);
  const [row] = await ('conversationId' in owner
    ? query.where('conversation_id', '=', owner.conversationId).orderBy('number', 'desc')
    : query.where('chatbot_id', '=', owner.chatbotId).orderBy('chatbot_number', 'desc')
  ).execute();
  return row && toLoggedEvent(row);
}

/** The number of the last event at which the generation of a reply began; `undefined` if it is not stored. */
export async function findReplyStart(
  db: Queryable,
  accountId: string,
  { conversationId, messageId }: { conversationId: string; messageId: string },
): Promise<number | undefined> {
  const row = await db
    .selectFrom('conversation_events')
    .select('number')
    .where('conversation_id', '=', conversationId)
    .where('account_id', '=', accountId)
    .where('message_id', '=', messageId)
    .where('type', 'in', ['MessageCreated', 'MessageStarted'])
    .where('status', '=', 'STREAMING')
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.number;
}
