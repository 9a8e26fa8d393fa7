import type { SelectQueryBuilder } from 'kysely';
import type { Conversation } from '../../domain/entities.ts';
import type { Timestamp } from '../../domain/time.ts';
import type { MessageRow, Queryable, Tables } from '../tables.ts';

/**
 * Finds the time of the newest message of a conversation on any branch, private notes excepted; `undefined` without
 * messages. Uses `messages_shown`.
 */
export async function findLastMessageTime(db: Queryable, conversation: Owner): Promise<Timestamp | undefined> {
  const [last] = await listNewest(db, conversation, 1);
  return last?.created_at;
}

/**
 * Lists the ids of the newest messages to the visitor on any branch: replies that have ended, unless they were stopped
 * before they began, and messages of people, private notes excepted. Uses `messages_shown`.
 */
export async function listNewestToVisitor(db: Queryable, conversation: Owner, limit: number): Promise<string[]> {
  if (limit === 0) return [];
  const messages = await listNewest(db, conversation, limit, (rows) =>
    rows
      .where('role', 'in', ['ASSISTANT', 'AGENT'])
      .where('completed_at', 'is not', null)
      .where((row) => row.or([row('status', '!=', 'STOPPED'), row('content', '!=', '')])),
  );
  return messages.map(({ id }) => id);
}

type Owner = Pick<Conversation, 'id' | 'accountId'>;
type NewestMessage = Pick<MessageRow, 'id' | 'created_at'>;
type MessageQuery = SelectQueryBuilder<Tables, 'messages', NewestMessage>;

async function listNewest(
  db: Queryable,
  { id, accountId }: Owner,
  limit: number,
  filter: (rows: MessageQuery) => MessageQuery = (rows) => rows,
): Promise<NewestMessage[]> {
  const rows = db
    .selectFrom('messages')
    .select(['id', 'created_at'])
    .where('conversation_id', '=', id)
    .where('is_private', '=', 0)
    .where('account_id', '=', accountId)
    .orderBy('id', 'desc')
    .limit(limit);
  const list = (isShown: 0 | 1) => filter(rows.where('is_shown', '=', isShown)).execute();
  const messages = [...(await list(1)), ...(await list(0))];
  return messages.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
}
