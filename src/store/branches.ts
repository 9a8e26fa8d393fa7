import { sql } from 'kysely';
import type { Message } from '../domain/entities.ts';
import { toMessage } from './messages.ts';
import { padIds } from './pages.ts';
import type { Queryable } from './tables.ts';

/** How many messages are walked through for each that is wanted, past those that are left out. */
const STEPS_PER_TURN = 5;

/**
 * The last turns of a branch up to and with the message `fromId`, oldest first, as an engine may see them: what was
 * asked, and what was answered to the end or up to where the visitor stopped it. At most `limit`, and none that lies
 * further back than five times as many messages.
 */
export async function listHistory(
  db: Queryable,
  accountId: string,
  { fromId, limit }: { fromId: string; limit: number },
): Promise<Message[]> {
  const rows = await db
    .withRecursive('path(id, steps)', (of) =>
      of
        .selectFrom('messages')
        .select(['id', sql<number>`1`.as('steps')])
        .where('id', '=', fromId)
        .where('account_id', '=', accountId)
        .unionAll((next) =>
          next
            .selectFrom('path')
            .innerJoin('messages as m', 'm.id', 'path.id')
            .innerJoin('messages as parent', 'parent.id', 'm.parent_id')
            .select(['parent.id', sql<number>`path.steps + 1`.as('steps')])
            .where('path.steps', '<', limit * STEPS_PER_TURN),
        ),
    )
    .selectFrom('path')
    .innerJoin('messages as m', 'm.id', 'path.id')
    .selectAll('m')
    .where('m.role', 'in', ['USER', 'ASSISTANT', 'AGENT'])
    .where('m.status', 'in', ['COMPLETED', 'STOPPED'])
    .orderBy('path.steps')
    .limit(limit)
    .execute();
  return rows.map(toMessage).reverse();
}

/**
 * The messages that directly follow each of several messages, oldest first; given the id of a conversation, those that
 * it begins with. Uses `messages_by_parent`.
 */
export async function findFollowing(db: Queryable, accountId: string, ids: readonly string[]): Promise<Message[]> {
  const some = padIds(ids);
  const rows = await db
    .selectFrom('messages')
    .selectAll()
    .where((of) =>
      of.or([of('parent_id', 'in', some), of.and([of('parent_id', 'is', null), of('conversation_id', 'in', some)])]),
    )
    .where('is_private', '=', 0)
    .where('account_id', '=', accountId)
    .orderBy('id')
    .execute();
  return rows.map(toMessage);
}

/** The last message of the branch that a conversation shows: what the next one follows. Uses `messages_shown`. */
export async function findTip(db: Queryable, accountId: string, conversationId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('messages')
    .select('id')
    .where('conversation_id', '=', conversationId)
    .where('is_shown', '=', 1)
    .where('is_private', '=', 0)
    .where('account_id', '=', accountId)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.id;
}

/** The end of a message's branch: where there are several, that of the newest one at each fork. */
export async function findEndOfBranch(db: Queryable, accountId: string, messageId: string): Promise<string> {
  const { end } = await db
    .withRecursive('path(id)', (of) =>
      of
        .selectFrom('messages')
        .select('id')
        .where('id', '=', messageId)
        .where('account_id', '=', accountId)
        .unionAll((next) =>
          next
            .selectFrom('path')
            .select(sql<string>`(select max(m.id) from messages as m where m.parent_id = path.id)`.as('id'))
            .where('path.id', 'is not', null),
        ),
    )
    .selectFrom('path')
    .select((p) => p.fn.max('id').as('end'))
    .executeTakeFirstOrThrow();
  return end;
}

/** Makes a conversation show the branch that ends with a message, and nothing beside it; `null` shows nothing. */
export async function showBranch(
  trx: Queryable,
  accountId: string,
  conversationId: string,
  endId: string | null,
): Promise<void> {
  for (const [isShown, isOnPath] of [
    [0, false],
    [1, true],
  ] as const) {
    await trx
      .withRecursive('path(id)', (of) =>
        of
          .selectFrom('messages')
          .select('id')
          .where('id', '=', endId ?? '')
          .where('account_id', '=', accountId)
          .unionAll((next) =>
            next
              .selectFrom('path')
              .innerJoin('messages as m', 'm.id', 'path.id')
              .innerJoin('messages as parent', 'parent.id', 'm.parent_id')
              .select('parent.id'),
          ),
      )
      .updateTable('messages')
      .set({ is_shown: isShown })
      .where('conversation_id', '=', conversationId)
      .where('account_id', '=', accountId)
      .where('is_shown', '=', isShown === 1 ? 0 : 1)
      .where('is_private', '=', 0)
      .where('id', isOnPath ? 'in' : 'not in', (of) => of.selectFrom('path').select('path.id'))
      .execute();
  }
}
