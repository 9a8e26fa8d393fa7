import { sql } from 'kysely';
import type { Message } from '../domain/entities.ts';
import { findMessages, listMessages, toMessage } from './messages.ts';
import { type Page, padIds, pageOf, prepareList } from './pages.ts';
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

/**
 * Deletes messages of one conversation: `message` and messages directly after it. The other messages directly after any
 * of them then follow the message before `message`. The caller has locked the conversation. Uses `messages_by_parent`.
 */
export async function deleteMessages(
  trx: Queryable,
  { accountId, parentId }: Pick<Message, 'accountId' | 'parentId'>,
  ids: readonly string[],
): Promise<void> {
  await trx
    .updateTable('messages')
    .set({ parent_id: parentId })
    .where('parent_id', 'in', ids)
    .where('account_id', '=', accountId)
    .execute();
  await trx.deleteFrom('messages').where('id', 'in', ids).where('account_id', '=', accountId).execute();
}

/** A branch that its conversation does not show, by one of its messages. */
export interface HiddenBranch {
  /** The message, which is not shown. */
  readonly message: Pick<Message, 'id' | 'conversationId'>;
  readonly withNotes: boolean;
}

/**
 * The messages of a branch that its conversation does not show, oldest first, with or without private notes: the
 * message, its ancestors, and its descendants along the newest message wherever the branch forks. Reads the hidden part
 * of the branch by its primary keys, however long it is; the part that the conversation shows too, and the notes, are
 * read by page. Uses `messages_shown` and `messages_private`.
 */
export async function listBranchMessages(
  db: Queryable,
  accountId: string,
  { message, withNotes }: HiddenBranch,
  page: Page,
): Promise<Message[]> {
  const { conversationId } = message;
  const path = await listPath(db, accountId, message);
  const [first] = path;
  const ids = pageOf(path, page).map(({ id }) => id);
  const hiddenMessages = ids.length === 0 ? [] : await findMessages(db, accountId, ids);
  const shown = { conversationId, withNotes: false };
  const shownMessages = first?.isShown
    ? await listMessages(db, accountId, shown, { ...page, before: lowerOf(page.before, first.id) })
    : [];
  const notes = withNotes ? (await LIST_NOTES(db, [conversationId, accountId], page)).map(toMessage) : [];
  return pageOf([...shownMessages, ...hiddenMessages, ...notes], page);
}

/** Counts the messages that `listBranchMessages` lists. Uses `messages_shown` and `messages_private`. */
export async function countBranchMessages(
  db: Queryable,
  accountId: string,
  { message, withNotes }: HiddenBranch,
): Promise<number> {
  const path = await listPath(db, accountId, message);
  const [first] = path;
  const select = db
    .selectFrom('messages')
    .select((row) => row.fn.countAll().as('count'))
    .where('conversation_id', '=', message.conversationId)
    .where('account_id', '=', accountId);
  const shown = select
    .where('is_shown', '=', 1)
    .where('is_private', '=', 0)
    .where('id', '<', first?.id ?? '');
  const notes = select.where(sql<boolean>`is_private = 1`);
  const counts = await Promise.all([
    ...(first?.isShown ? [shown.executeTakeFirstOrThrow()] : []),
    ...(withNotes ? [notes.executeTakeFirstOrThrow()] : []),
  ]);
  return counts.reduce((sum, { count }) => sum + Number(count), path.length);
}

/**
 * The messages of a hidden branch from its newest shown ancestor on, oldest first; from its first message on, if no
 * ancestor is shown. All messages before a shown message are shown.
 */
async function listPath(db: Queryable, accountId: string, { id, conversationId }: HiddenBranch['message']) {
  const { rows } = await sql<{ id: string; is_shown: number }>`
    with recursive ancestors(id, parent_id, is_shown) as (
      select id, parent_id, is_shown from messages
      where id = ${id} and conversation_id = ${conversationId} and account_id = ${accountId}
      union all
      select parent.id, parent.parent_id, parent.is_shown
      from ancestors join messages as parent on parent.id = ancestors.parent_id
      where ancestors.is_shown = 0
    ), descendants(id) as (
      select id from ancestors where id = ${id}
      union all
      select (select max(child.id) from messages as child where child.parent_id = descendants.id)
      from descendants where descendants.id is not null
    )
    select id, is_shown from ancestors
    union
    select id, 0 from descendants where id is not null
    order by id`.execute(db);
  return rows.map((row) => ({ id: row.id, isShown: row.is_shown === 1 }));
}

const lowerOf = (before: string | undefined, id: string) => (before !== undefined && before < id ? before : id);

const LIST_NOTES = prepareList('asc', (db) =>
  db
    .selectFrom('messages')
    .selectAll()
    .where('conversation_id', '=', '')
    .where('account_id', '=', '')
    .where(sql<boolean>`is_private = 1`),
);
