/** Replies that wait or are being written: their turns, who writes them, and how they end. */
import type { Citation, FinishReason, Message, MessageFailure, MessageStatus } from '../domain/entities.ts';
import { toJson } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';
import type { TokenUsage } from '../domain/usage.ts';
import { IS_OF_CONVERSATION } from './deleted-chatbots.ts';
import { prepareQuery } from './engines/prepared.ts';
import { toMessage, toUsageColumns } from './messages.ts';
import type { Queryable } from './tables.ts';
import { IS_OPEN } from './unowned-replies.ts';

/** How an answer ended. */
export interface ReplyEnd extends Pick<Message, 'id' | 'usage' | 'generation' | 'reasoning'> {
  readonly status: Exclude<MessageStatus, 'QUEUED' | 'STREAMING'>;
  readonly content: string;
  readonly citations: readonly Citation[];
  readonly finishReason: FinishReason;
  readonly error: MessageFailure | null;
  readonly completedAt: Timestamp;
  /** What others took whose work was thrown away. */
  readonly spent?: readonly { readonly usage: TokenUsage; readonly priceNano: number | null }[];
}

/**
 * Writes the end of an answer, once: one that has ended already stays as it is.
 * @param nodeId given by the writer of the answer: where another node has taken it over, nothing is written.
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

/** The replies of a conversation that wait or are being written, oldest first. Uses `messages_open`. */
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

/** Asks whoever writes a reply to stop; one that has ended stays as it is. */
export async function askReplyToStop(trx: Queryable, accountId: string, id: string): Promise<void> {
  await trx
    .updateTable('messages')
    .set({ stop_asked: 1 })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('status', '=', 'STREAMING')
    .execute();
}

/** The replies of a conversation that are being written and were asked to stop. Uses `messages_open`. */
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

/** A reply that a node writes, by what the node has to know of it. */
export interface OwnReply extends Pick<Message, 'id' | 'accountId'> {
  readonly isAskedToStop: boolean;
}

/** The replies, of any account, that a node writes, but for those of deleted chatbots. Uses `messages_open`. */
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

/** The replies of a chatbot that are being written. Uses `messages_open`. */
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

/** Takes replies off the node that wrote them, so that they are found to be lost; those that have ended stay as they are. */
export async function disownReplies(trx: Queryable, nodeId: string, ids: readonly string[]): Promise<void> {
  await trx
    .updateTable('messages')
    .set({ node_id: null })
    .where('id', 'in', ids)
    .where('node_id', '=', nodeId)
    .where('status', '=', 'STREAMING')
    .execute();
}

/** Counts one more attempt at a reply before it begins. Returns whether the reply is still open and the node's. */
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

/** Forgets the attempts at the replies of a node that comes to a clean end. Uses `messages_open`. */
export async function forgetAttempts(trx: Queryable, nodeId: string): Promise<void> {
  await trx.updateTable('messages').set({ attempts: 0 }).where(IS_OPEN).where('node_id', '=', nodeId).execute();
}

/** Moves a waiting reply to STREAMING: its turn has come, on a node. */
export async function startReply(trx: Queryable, accountId: string, id: string, nodeId: string): Promise<void> {
  await trx
    .updateTable('messages')
    .set({ status: 'STREAMING', node_id: nodeId, attempts: 1 })
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('status', '=', 'QUEUED')
    .execute();
}

/** Saves what has been written of an answer that is under way; one that has ended stays as it is. */
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
