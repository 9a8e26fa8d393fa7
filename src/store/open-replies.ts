/** Open replies (QUEUED or STREAMING): their queue, the nodes that generate them, and their ends. */
import type { Citation, FinishReason, Message, MessageFailure, MessageStatus } from '../domain/entities.ts';
import { toJson } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';
import type { TokenUsage } from '../domain/usage.ts';
import { IS_OF_CONVERSATION } from './deleted-chatbots.ts';
import { prepareQuery } from './engines/prepared.ts';
import { toMessage, toUsageColumns } from './messages.ts';
import type { Queryable } from './tables.ts';
import { IS_OPEN } from './unowned-replies.ts';

/** How a reply ended. */
export interface ReplyEnd extends Pick<Message, 'id' | 'usage' | 'generation' | 'reasoning'> {
  readonly status: Exclude<MessageStatus, 'QUEUED' | 'STREAMING'>;
  readonly content: string;
  readonly citations: readonly Citation[];
  readonly finishReason: FinishReason;
  readonly error: MessageFailure | null;
  readonly completedAt: Timestamp;
  /** The usage of models whose output was discarded. */
  readonly discardedUsage?: readonly { readonly usage: TokenUsage; readonly priceNano: number | null }[];
}

/**
 * Stores the end of a reply, once: a finished reply does not change.
 * @param nodeId the node that generates the reply; if another node has taken it over, nothing is written.
 * @returns whether it was written.
 */
export async function endMessage(
  trx: Queryable,
  accountId: string,
  ending: ReplyEnd,
  nodeId?: string,
): Promise<boolean> {
  const update = trx
    .updateTable('messages')
    .set({
      status: ending.status,
      content: ending.content,
      citations: toJson(ending.citations),
      finish_reason: ending.finishReason,
      ...toUsageColumns(ending.usage, ending.generation),
      reasoning: ending.reasoning,
      error: ending.error && toJson(ending.error),
      completed_at: ending.completedAt,
    })
    .where('id', '=', ending.id)
    .where('account_id', '=', accountId)
    .where('status', 'in', ['QUEUED', 'STREAMING']);
  const result = await (nodeId === undefined ? update : update.where('node_id', '=', nodeId)).executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** The open replies of a conversation, oldest first. Uses `messages_open`. */
export async function listOpenReplies(db: Queryable, accountId: string, conversationId: string): Promise<Message[]> {
  const rows = await db
    .selectFrom('messages')
    .selectAll()
    .where('conversation_id', '=', conversationId)
    .where('account_id', '=', accountId)
    .where('status', 'in', ['QUEUED', 'STREAMING'])
    .orderBy('id')
    .execute();
  return rows.map(toMessage);
}

/** Asks the node that generates a reply to stop; a finished reply does not change. */
export async function markStopRequested(trx: Queryable, accountId: string, id: string): Promise<void> {
  await trx
    .updateTable('messages')
    .set({ stop_asked: 1 })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('status', '=', 'STREAMING')
    .execute();
}

/** The STREAMING replies of a conversation that a client has asked to stop. Uses `messages_open`. */
export async function listStoppingReplies(
  db: Queryable,
  accountId: string,
  conversationId: string,
): Promise<Message[]> {
  const rows = await db
    .selectFrom('messages')
    .selectAll()
    .where(IS_OPEN)
    .where('conversation_id', '=', conversationId)
    .where('account_id', '=', accountId)
    .where('status', '=', 'STREAMING')
    .where('stop_asked', '=', 1)
    .execute();
  return rows.map(toMessage);
}

/** The fields of a reply that the node generating it needs. */
export interface OwnReply extends Pick<Message, 'id' | 'accountId'> {
  readonly isAskedToStop: boolean;
}

/** The replies that a node generates, in any account, except those of deleted chatbots. Uses `messages_open`. */
export async function listRepliesOfNode(db: Queryable, nodeId: string): Promise<OwnReply[]> {
  const rows = await db
    .selectFrom('messages')
    .select(['id', 'account_id', 'stop_asked'])
    .where(IS_OPEN)
    .where('status', '=', 'STREAMING')
    .where('node_id', '=', nodeId)
    .where(IS_OF_CONVERSATION)
    .execute();
  return rows.map((row) => ({ id: row.id, accountId: row.account_id, isAskedToStop: row.stop_asked === 1 }));
}

/** The STREAMING replies of a chatbot. Uses `messages_open`. */
export async function listRepliesOfChatbot(db: Queryable, accountId: string, chatbotId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('messages')
    .innerJoin('conversations', 'conversations.id', 'messages.conversation_id')
    .select('messages.id')
    .where(IS_OPEN)
    .where('messages.status', '=', 'STREAMING')
    .where('messages.account_id', '=', accountId)
    .where('conversations.chatbot_id', '=', chatbotId)
    .execute();
  return rows.map(({ id }) => id);
}

/** Gives up a node's replies, so that recovery finds them as lost replies; finished replies do not change. */
export async function giveUpReplies(trx: Queryable, nodeId: string, ids: readonly string[]): Promise<void> {
  await trx
    .updateTable('messages')
    .set({ node_id: null })
    .where('id', 'in', ids)
    .where('node_id', '=', nodeId)
    .where('status', '=', 'STREAMING')
    .execute();
}

/**
 * Counts one more attempt at a reply, before it starts. Returns whether the reply is still open and assigned to the
 * node.
 */
export async function countAttempt(trx: Queryable, accountId: string, id: string, nodeId: string): Promise<boolean> {
  const result = await trx
    .updateTable('messages')
    .set((row) => ({ attempts: row('attempts', '+', 1) }))
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('status', '=', 'STREAMING')
    .where('node_id', '=', nodeId)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Resets the attempts at the replies of a node that ends cleanly. Uses `messages_open`. */
export async function resetAttempts(trx: Queryable, nodeId: string): Promise<void> {
  await trx.updateTable('messages').set({ attempts: 0 }).where(IS_OPEN).where('node_id', '=', nodeId).execute();
}

/** Moves a QUEUED reply to STREAMING, on a node. */
export async function startReply(trx: Queryable, accountId: string, id: string, nodeId: string): Promise<void> {
  await trx
    .updateTable('messages')
    .set({ status: 'STREAMING', node_id: nodeId, attempts: 1 })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('status', '=', 'QUEUED')
    .execute();
}

/** Saves the partial text of a reply; a finished reply does not change. */
export async function saveAnswer(
  trx: Queryable,
  accountId: string,
  { id, content, citations }: Pick<Message, 'id' | 'content' | 'citations'>,
): Promise<void> {
  await SAVE(trx, [content, toJson(citations), id, accountId, 'STREAMING']);
}

const SAVE = prepareQuery((trx) =>
  trx
    .updateTable('messages')
    .set({ content: '', citations: toJson([]) })
    .where('id', '=', '')
    .where('account_id', '=', '')
    .where('status', '=', 'STREAMING'),
);
