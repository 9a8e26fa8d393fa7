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

/** Finds the id of the newest message of the visitor on any branch; `undefined` without any. Uses `messages_shown`. */
export async function findNewestVisitorMessageId(db: Queryable, conversation: Owner): Promise<string | undefined> {
  const [newest] = await listNewest(db, conversation, 1, (rows) => rows.where('role', '=', 'USER'));
  return newest?.id;
}

/**
 * Finds the id of the newest message on any branch that answers the visitor: of a person, private notes excepted, or a
 * completed reply that is not the fallback message. `undefined` without any. Uses `messages_shown`.
 */
export async function findNewestAnswerId(db: Queryable, conversation: Owner): Promise<string | undefined> {
  const [newest] = await listNewest(db, conversation, 1, (rows) =>
    rows.where((row) =>
      row.or([
        row('role', '=', 'AGENT'),
        row.and([
          row('role', '=', 'ASSISTANT'),
          row('status', '=', 'COMPLETED'),
          row.or([row('outcome', 'is', null), row('outcome', '!=', 'FALLBACK')]),
        ]),
      ]),
    ),
  );
  return newest?.id;
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
