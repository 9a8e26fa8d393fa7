import { sql } from 'kysely';
import type { Message } from '../domain/entities.ts';
import { toMessage } from './messages.ts';
import { padIds } from './pages.ts';
import type { Queryable } from './tables.ts';

/** The maximum number of messages that `listHistory` reads per requested message. It omits some of these messages. */
const STEPS_PER_MESSAGE = 5;

/**
 * The latest messages of a branch that an answer engine may read, oldest first, up to and including `fromId`: completed
 * messages, and replies that the visitor stopped. Returns at most `limit` messages. Reads at most `5 * limit` messages
 * of the branch to find them.
 */
export async function listHistory(
  db: Queryable,
  accountId: string,
  { fromId, limit }: { fromId: string; limit: number },
): Promise<Message[]> {
  const rows = await db
    .withRecursive('path(id, steps)', (eb) =>
      eb
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
            .where('path.steps', '<', limit * STEPS_PER_MESSAGE),
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
 * The messages whose parent is one of several messages, oldest first. The id of a conversation stands for the parent of
 * its first messages. Uses `messages_by_parent`.
 */
export async function findChildMessages(db: Queryable, accountId: string, ids: readonly string[]): Promise<Message[]> {
  const paddedIds = padIds(ids);
  const rows = await db
    .selectFrom('messages')
    .selectAll()
    .where((eb) =>
      eb.or([
        eb('parent_id', 'in', paddedIds),
        eb.and([eb('parent_id', 'is', null), eb('conversation_id', 'in', paddedIds)]),
      ]),
    )
    .where('is_private', '=', 0)
    .where('account_id', '=', accountId)
    .orderBy('id')
    .execute();
  return rows.map(toMessage);
}

/**
 * The id of the last message of the branch that a conversation shows: the parent of the next message. Uses
 * `messages_shown`.
 */
export async function findShownBranchEnd(
  db: Queryable,
  accountId: string,
  conversationId: string,
): Promise<string | undefined> {
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

/** Finds the id of the last message of a message's branch. Where the branch forks, follows the newest message. */
export async function findBranchEnd(db: Queryable, accountId: string, messageId: string): Promise<string> {
  const { end } = await db
    .withRecursive('path(id)', (eb) =>
      eb
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

/** Makes a conversation show only the branch that ends with the message `endId`, or no messages if `endId` is null. */
export async function setShownBranch(
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
      .withRecursive('path(id)', (eb) =>
        eb
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
      .where('id', isOnPath ? 'in' : 'not in', (eb) => eb.selectFrom('path').select('path.id'))
      .execute();
  }
}
