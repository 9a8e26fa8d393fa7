import { sql } from 'kysely';
import type { Conversation } from '../../domain/entities.ts';
import { toConversation } from '../conversations.ts';
import { prepareQuery } from '../engines/prepared.ts';
import type { Queryable } from '../tables.ts';

/**
 * Counts the unread messages of a conversation again: the visitor's messages on the selected branch after the newest
 * message that is answered or read. The caller has locked the conversation. Uses `messages_shown`.
 * @param readUntil the id of a message that is answered or read now; absent if only the branch has changed.
 * @returns the conversation; `undefined` if it is unknown.
 */
export async function recountUnread(
  trx: Queryable,
  { id, accountId }: Pick<Conversation, 'id' | 'accountId'>,
  readUntil = '',
): Promise<Conversation | undefined> {
  const [row] = await RECOUNT(trx, [...Array<string>(5).fill(readUntil), id, accountId]);
  return row && toConversation(row);
}

/** Counts one more message that the visitor has not read. The caller has locked the conversation. */
export async function incrementVisitorUnread(trx: Queryable, accountId: string, id: string): Promise<void> {
  await INCREMENT_VISITOR_UNREAD(trx, [1, id, accountId]);
}

const INCREMENT_VISITOR_UNREAD = prepareQuery((db) =>
  db
    .updateTable('conversations')
    .set((row) => ({ visitor_unread_count: row('visitor_unread_count', '+', 1) }))
    .where('id', '=', '')
    .where('account_id', '=', ''),
);

const RECOUNT = prepareQuery((db) =>
  db
    .updateTable('conversations')
    .set((conversation) => {
      const unread = () =>
        conversation
          .selectFrom('messages as m')
          .whereRef('m.conversation_id', '=', 'conversations.id')
          .where('m.is_shown', '=', sql.lit(1))
          .where('m.role', '=', sql.lit('USER' as const))
          .where('m.id', '>', '')
          .whereRef('m.id', '>', 'conversations.read_until');
      const since = () => unread().select((m) => m.fn.min('m.created_at').as('since'));
      return {
        unread_count: unread().select((m) => m.fn.countAll<number>().as('count')),
        unread_since: since(),
        waiting_since: conversation
          .case()
          .when(sql<boolean>`status = 'ESCALATED' or silent_until is not null`)
          .then(since())
          .end(),
        read_until: sql<string>`case when read_until < ${''} then ${''} else read_until end`,
      };
    })
    .where('id', '=', '')
    .where('account_id', '=', '')
    .returningAll(),
);
