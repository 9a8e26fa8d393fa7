/** Open replies that no gateway generates, of any account. */
import { sql } from 'kysely';
import type { Message } from '../domain/entities.ts';
import { toMessage } from './messages.ts';
import type { Queryable } from './tables.ts';

/** The condition of the index `messages_open`, written out so that a planner can use it. */
export const IS_OPEN = sql<boolean>`messages.status in ('QUEUED', 'STREAMING')`;

/** Excludes rows with a `conversation_id` whose chatbot is paused: a paused chatbot starts no replies. */
const IS_OF_ACTIVE_CHATBOT = sql<boolean>`exists (
  select 1 from conversations as inside join chatbots as active on active.id = inside.chatbot_id
  where inside.id = messages.conversation_id and active.is_active = 1)`;

/** The fields that identify the conversation of a reply. */
export type ConversationKey = Pick<Message, 'accountId' | 'conversationId'>;

/** A reply in STREAMING whose node is gone or has given the reply up. */
export interface LostReply {
  readonly reply: Message;
  /** How often gateways have started it. */
  readonly attempts: number;
  /** Whether its node is alive but could not store the reply's end. */
  readonly isGivenUp: boolean;
  readonly isAskedToStop: boolean;
}

/** Lost replies after the id `after`, ordered by id. Uses `messages_open`. */
export async function listLostReplies(db: Queryable, after: string, limit: number): Promise<Message[]> {
  const rows = await lostReplies(db).where('id', '>', after).orderBy('id').limit(limit).execute();
  return rows.map(toMessage);
}

/** Finds a reply that is still lost. The caller has locked its conversation. */
export async function findLostReply(trx: Queryable, accountId: string, id: string): Promise<LostReply | undefined> {
  const row = await lostReplies(trx).where('id', '=', id).where('account_id', '=', accountId).executeTakeFirst();
  return (
    row && {
      reply: toMessage(row),
      attempts: row.attempts,
      isGivenUp: row.node_id === null,
      isAskedToStop: row.stop_asked === 1,
    }
  );
}

/** Whether the chatbot of a conversation is active: a paused chatbot starts no replies. */
export async function isActiveIn(db: Queryable, { accountId, conversationId }: ConversationKey): Promise<boolean> {
  const row = await db
    .selectFrom('conversations')
    .innerJoin('chatbots', 'chatbots.id', 'conversations.chatbot_id')
    .select('chatbots.id')
    .where('conversations.id', '=', conversationId)
    .where('conversations.account_id', '=', accountId)
    .where('chatbots.is_active', '=', 1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Assigns a lost reply to a node. The caller has locked its conversation. */
export async function takeOverReply(
  trx: Queryable,
  { accountId, id }: Message,
  { nodeId, attempts }: { nodeId: string; attempts: number },
): Promise<void> {
  await trx
    .updateTable('messages')
    .set({ node_id: nodeId, attempts })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('status', '=', 'STREAMING')
    .execute();
}

function lostReplies(db: Queryable) {
  return db
    .selectFrom('messages')
    .selectAll()
    .where(IS_OPEN)
    .where('status', '=', 'STREAMING')
    .where((eb) =>
      eb.or([eb('node_id', 'is', null), eb('node_id', 'not in', eb.selectFrom('nodes').select('nodes.id'))]),
    );
}

/**
 * Conversations with QUEUED replies and none in STREAMING, ordered by id, after the id `after`. Leaves out paused
 * chatbots. Uses `messages_open`.
 */
export async function listStalledConversations(
  db: Queryable,
  after: string,
  limit: number,
): Promise<ConversationKey[]> {
  const rows = await db
    .selectFrom('messages')
    .select((eb) => ['conversation_id', eb.fn.min('account_id').as('account_id')])
    .where(IS_OPEN)
    .where(IS_OF_ACTIVE_CHATBOT)
    .where('conversation_id', '>', after)
    .groupBy('conversation_id')
    .having(sql<boolean>`max(case when status = 'STREAMING' then 1 else 0 end) = 0`)
    .orderBy('conversation_id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ accountId: row.account_id, conversationId: row.conversation_id }));
}
