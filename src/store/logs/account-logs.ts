import type { Timestamp } from '../../domain/time.ts';
import { prepareQuery } from '../engines/prepared.ts';
import type { Queryable } from '../tables.ts';

/**
 * An event's place in the log of its account. The log has sixteen shards, each with its own numbers from 1: sends to
 * different chatbots mostly count in different shards, so they need not wait for each other. All events of a chatbot
 * are in one shard.
 */
export interface ShardEntry {
  /** A hexadecimal digit. */
  readonly shard: string;
  readonly number: number;
  /** Null for events that an earlier version wrote. */
  readonly id: string | null;
}

/** The last event of a shard. The event may be removed since. */
export interface ShardHead extends ShardEntry {
  /** The highest number that retention has deleted; 0: none. */
  readonly trimmedNumber: number;
}

/** The deletion of a chatbot, as an event of the account's log. */
export interface ChatbotDeletion extends ShardEntry {
  readonly chatbotId: string;
  readonly at: Timestamp;
}

/** Returns the shard of a chatbot's events: a digit of the random part of its id. */
export function shardOf(chatbotId: string): string {
  return chatbotId.charAt(33);
}

/**
 * Returns the next number of a shard, for the event with the given id, in the transaction that stores the event. The
 * numbers are in the order of the commits, because the transaction locks the shard until it ends. Lock the chatbot first.
 */
export async function incrementShardNumber(
  trx: Queryable,
  accountId: string,
  { shard, id }: { shard: string; id: string },
): Promise<number> {
  const [row] = await INCREMENT(trx, [accountId, shard, 1, id, 1]);
  if (row === undefined) throw new Error('The upsert has returned no row.');
  return row.last_event;
}

/** The shards of an account's log that have events, in no particular order. Uses the primary key. */
export async function listShardHeads(db: Queryable, accountId: string): Promise<ShardHead[]> {
  const rows = await LIST_HEADS(db, [accountId]);
  return rows.map((row) => ({
    shard: row.shard,
    number: row.last_event,
    id: row.last_event_id,
    trimmedNumber: row.last_trimmed,
  }));
}

/** Records that a chatbot was deleted, at the end of its shard. The caller has locked the chatbot. */
export async function insertChatbotDeletion(
  trx: Queryable,
  accountId: string,
  { chatbotId, id, at }: { chatbotId: string; id: string; at: Timestamp },
): Promise<void> {
  const shard = shardOf(chatbotId);
  const number = await incrementShardNumber(trx, accountId, { shard, id });
  await trx
    .insertInto('chatbot_deletions')
    .values({ account_id: accountId, shard, shard_number: number, id, chatbot_id: chatbotId, at })
    .execute();
}

/** The deletions in a shard after the number `after`, oldest first. Uses the primary key. */
export async function listChatbotDeletions(
  db: Queryable,
  accountId: string,
  { shard, after, limit }: { shard: string; after: number; limit: number },
): Promise<ChatbotDeletion[]> {
  const rows = await db
    .selectFrom('chatbot_deletions')
    .select(['shard', 'shard_number as number', 'id', 'chatbot_id as chatbotId', 'at'])
    .where('account_id', '=', accountId)
    .where('shard', '=', shard)
    .where('shard_number', '>', after)
    .orderBy('shard_number')
    .limit(limit)
    .execute();
  return rows;
}

/** Deletes up to `limit` deletions of any account that happened before a time. Uses `chatbot_deletions_by_age`. */
export async function trimChatbotDeletions(trx: Queryable, before: Timestamp, limit: number): Promise<number> {
  const rows = await trx
    .selectFrom('chatbot_deletions')
    .select(['account_id', 'shard', 'shard_number'])
    .where('at', '<', before)
    .orderBy('at')
    .limit(limit)
    .execute();
  for (const { account_id: accountId, shard, shard_number: number } of rows) {
    await trx
      .deleteFrom('chatbot_deletions')
      .where('account_id', '=', accountId)
      .where('shard', '=', shard)
      .where('shard_number', '=', number)
      .execute();
    await markTrimmed(trx, accountId, { shard, number });
  }
  return rows.length;
}

/** Records that retention has deleted events of a shard up to a number. */
export async function markTrimmed(
  trx: Queryable,
  accountId: string,
  { shard, number }: { shard: string; number: number },
): Promise<void> {
  await trx
    .updateTable('account_logs')
    .set({ last_trimmed: number })
    .where('account_id', '=', accountId)
    .where('shard', '=', shard)
    .where('last_trimmed', '<', number)
    .execute();
}

const INCREMENT = prepareQuery((db) =>
  db
    .insertInto('account_logs')
    .values({ account_id: '', shard: '', last_event: 1, last_event_id: '' })
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'shard']).doUpdateSet((row) => ({
        last_event: row('account_logs.last_event', '+', 1),
        last_event_id: row.ref('excluded.last_event_id'),
      })),
    )
    .returning('last_event'),
);
const LIST_HEADS = prepareQuery((db) => db.selectFrom('account_logs').selectAll().where('account_id', '=', ''));
