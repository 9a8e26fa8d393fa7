/** Open replies (QUEUED or STREAMING): their queue, the nodes that generate them, and their ends. */
import type { Citation, FinishReason, Message, MessageStatus } from '../domain/entities.ts';
import type { MessageFailure } from '../domain/failures.ts';
import { toJson } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';
import type { TokenUsage } from '../domain/usage.ts';
import { IS_OPEN_REPLY } from './cluster/unowned-replies.ts';
import { CONVERSATION_NOT_DELETED } from './deleted-chatbots.ts';
import { prepareQuery } from './engines/prepared.ts';
import { indexMessage } from './inbox/message-index.ts';
import { toMessage, toUsageColumns } from './messages.ts';
import type { Queryable } from './tables.ts';

/** The final state of a reply. */
export interface ReplyEnd
  extends Pick<Message, 'id' | 'usage' | 'generation' | 'outcome' | 'confidence' | 'reasoning'> {
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
 * Writes the end of a reply, once: a finished reply does not change.
 * @param nodeId the node that generates the reply. Nothing is written if another node has taken the reply over.
 * @returns whether the end was written.
 */
export async function writeReplyEnd(
  trx: Queryable,
  accountId: string,
  end: ReplyEnd,
  nodeId?: string,
): Promise<boolean> {
  const update = trx
    .updateTable('messages')
    .set({
      status: end.status,
      content: end.content,
      citations: toJson(end.citations),
      finish_reason: end.finishReason,
      ...toUsageColumns(end.usage, end.generation),
      outcome: end.outcome,
      confidence: end.confidence,
      reasoning: end.reasoning,
      error: end.error && toJson(end.error),
      completed_at: end.completedAt,
    })
    .where('id', '=', end.id)
    .where('account_id', '=', accountId)
    .where('status', 'in', ['QUEUED', 'STREAMING']);
  const result = await (nodeId === undefined ? update : update.where('node_id', '=', nodeId)).executeTakeFirst();
  const isWritten = result.numUpdatedRows === 1n;
  if (isWritten && end.content !== '') await indexMessage(trx, { id: end.id, accountId }, end.content);
  return isWritten;
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

/** Asks the node that generates a reply to stop the reply; a finished reply does not change. */
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
    .where(IS_OPEN_REPLY)
    .where('conversation_id', '=', conversationId)
    .where('account_id', '=', accountId)
    .where('status', '=', 'STREAMING')
    .where('stop_asked', '=', 1)
    .execute();
  return rows.map(toMessage);
}

/** The fields of a reply that the node generating it needs. */
export interface AssignedReply extends Pick<Message, 'id' | 'accountId'> {
  readonly isStopRequested: boolean;
}

/** The replies that a node generates, in any account, except those of deleted chatbots. Uses `messages_open`. */
export async function listAssignedReplies(db: Queryable, nodeId: string): Promise<AssignedReply[]> {
  const rows = await db
    .selectFrom('messages')
    .select(['id', 'account_id', 'stop_asked'])
    .where(IS_OPEN_REPLY)
    .where('status', '=', 'STREAMING')
    .where('node_id', '=', nodeId)
    .where(CONVERSATION_NOT_DELETED)
    .execute();
  return rows.map((row) => ({ id: row.id, accountId: row.account_id, isStopRequested: row.stop_asked === 1 }));
}

/** The ids of the STREAMING replies of a chatbot. Uses `messages_open`. */
export async function listStreamingReplyIds(db: Queryable, accountId: string, chatbotId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('messages')
    .innerJoin('conversations', 'conversations.id', 'messages.conversation_id')
    .select('messages.id')
    .where(IS_OPEN_REPLY)
    .where('messages.status', '=', 'STREAMING')
    .where('messages.account_id', '=', accountId)
    .where('conversations.chatbot_id', '=', chatbotId)
    .execute();
  return rows.map(({ id }) => id);
}

/** Unassigns replies from a node, so that recovery finds them as lost replies; finished replies do not change. */
export async function unassignReplies(trx: Queryable, nodeId: string, ids: readonly string[]): Promise<void> {
  await trx
    .updateTable('messages')
    .set({ node_id: null })
    .where('id', 'in', ids)
    .where('node_id', '=', nodeId)
    .where('status', '=', 'STREAMING')
    .execute();
}

/**
 * Counts a further attempt at a reply, before the attempt starts. Returns whether the reply is still open and assigned
 * to the node.
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

/** Resets the attempt counts of the open replies of a node that shuts down cleanly. Uses `messages_open`. */
export async function resetAttempts(trx: Queryable, nodeId: string): Promise<void> {
  await trx.updateTable('messages').set({ attempts: 0 }).where(IS_OPEN_REPLY).where('node_id', '=', nodeId).execute();
}

/** Changes a QUEUED reply to STREAMING and assigns it to a node. */
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
export async function savePartialText(
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
