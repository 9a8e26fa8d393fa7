/** Open replies (QUEUED or STREAMING) that no gateway generates, in all accounts. */
import { sql } from 'kysely';
import type { Message } from '../../domain/entities.ts';
import { toMessage } from '../messages.ts';
import type { Queryable } from '../tables.ts';

/** The condition of the partial index `messages_open`, with the same text, so that the planner can use the index. */
export const IS_OPEN_REPLY = sql<boolean>`messages.status in ('QUEUED', 'STREAMING')`;

/** The condition that the chatbot of a message is active: a paused chatbot starts no replies. */
const IS_OF_ACTIVE_CHATBOT = sql<boolean>`exists (
  select 1 from conversations as parent join chatbots as active on active.id = parent.chatbot_id
  where parent.id = messages.conversation_id and active.is_active = 1)`;

/** The fields that identify the conversation of a reply. */
export type ConversationKey = Pick<Message, 'accountId' | 'conversationId'>;

/** A STREAMING reply whose node is gone, or that its node has unassigned from itself. */
export interface LostReply {
  readonly reply: Message;
  /** How many times gateways have started the reply. */
  readonly attempts: number;
  /** Whether its node gave the reply up, because the node could not store the end of the reply. */
  readonly wasGivenUp: boolean;
  readonly isStopRequested: boolean;
}

/** Lost replies after the id `after`, ordered by id. Uses `messages_open`. */
export async function listLostReplies(db: Queryable, after: string, limit: number): Promise<Message[]> {
  const rows = await selectLostReplies(db).where('id', '>', after).orderBy('id').limit(limit).execute();
  return rows.map(toMessage);
}

/** Finds a reply that is still lost. The caller has locked its conversation. */
export async function findLostReply(trx: Queryable, accountId: string, id: string): Promise<LostReply | undefined> {
  const row = await selectLostReplies(trx).where('id', '=', id).where('account_id', '=', accountId).executeTakeFirst();
  return (
    row && {
      reply: toMessage(row),
      attempts: row.attempts,
      wasGivenUp: row.node_id === null,
      isStopRequested: row.stop_asked === 1,
    }
  );
}

/** Whether the chatbot of a conversation is active: a paused chatbot starts no replies. */
export async function isChatbotActive(db: Queryable, { accountId, conversationId }: ConversationKey): Promise<boolean> {
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

function selectLostReplies(db: Queryable) {
  return db
    .selectFrom('messages')
    .selectAll()
    .where(IS_OPEN_REPLY)
    .where('status', '=', 'STREAMING')
    .where((eb) =>
      eb.or([eb('node_id', 'is', null), eb('node_id', 'not in', eb.selectFrom('nodes').select('nodes.id'))]),
    );
}

/**
 * Conversations with QUEUED replies and no STREAMING reply, ordered by id, after the id `after`. Omits conversations of
 * paused chatbots. Uses `messages_open`.
 */
export async function listStalledConversations(
  db: Queryable,
  after: string,
  limit: number,
): Promise<ConversationKey[]> {
  const rows = await db
    .selectFrom('messages')
    .select((eb) => ['conversation_id', eb.fn.min('account_id').as('account_id')])
    .where(IS_OPEN_REPLY)
    .where(IS_OF_ACTIVE_CHATBOT)
    .where('conversation_id', '>', after)
    .groupBy('conversation_id')
    .having(sql<boolean>`max(case when status = 'STREAMING' then 1 else 0 end) = 0`)
    .orderBy('conversation_id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ accountId: row.account_id, conversationId: row.conversation_id }));
}
