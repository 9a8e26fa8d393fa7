import { sql } from 'kysely';
import type { Message } from '../../domain/entities.ts';
import { toMessageWords } from '../../domain/language/message-words.ts';
import type { Timestamp } from '../../domain/time.ts';
import { prepareQuery } from '../engines/prepared.ts';
import { yieldBatches } from '../engines/yield-batches.ts';
import type { Queryable } from '../tables.ts';

/** The name of the indexing of messages in `task_progress`. */
const TASK = 'index-messages';
/** The maximum number of messages that one call of `indexNextMessages` reads. */
const MAX_MESSAGES = 200;
/** The maximum number of characters that are indexed at a time, in about 10 ms; a message counts as 200 more. */
const MAX_CHARS = 20_000;
const MESSAGE_CHARS = 200;

/**
 * Writes the words of a message to the index, in the transaction that writes its text. The words of a reply are written
 * once, with its end. Deleting the message deletes them.
 */
export async function indexMessage(
  trx: Queryable,
  { id, accountId }: Pick<Message, 'id' | 'accountId'>,
  content: string,
): Promise<void> {
  await WRITE(trx, [toWords(content), id, accountId]);
}

/** Each word is between two spaces, so a condition can look for whole words. */
const toWords = (content: string): string => ` ${toMessageWords(content).join(' ')} `;

const WRITE = prepareQuery((trx) =>
  trx
    .insertInto('message_words')
    .columns(['message_id', 'account_id', 'conversation_id', 'is_private', 'words'])
    .expression((eb) =>
      eb
        .selectFrom('messages')
        .select(['id', 'account_id', 'conversation_id', 'is_private', sql<string>`cast(${''} as text)`.as('words')])
        .where('id', '=', '')
        .where('account_id', '=', ''),
    )
    .onConflict((conflict) =>
      conflict.column('message_id').doUpdateSet((row) => ({ words: row.ref('excluded.words') })),
    ),
);

/**
 * Indexes the next messages that are not in the index, in the order of their ids, of any account: messages that are
 * older than the index, or that a gateway of an earlier version has written during an update.
 * @param after the id after which the messages come; absent: the progress of earlier calls.
 * @param settledBefore the progress never passes a message that was created later: during an update, a gateway of an
 * earlier version may still write messages with ids before it.
 * @returns the id of the last message that was read; undefined after the last message, or while another gateway does the
 * same work.
 */
export async function indexNextMessages(
  trx: Queryable,
  after: string | undefined,
  settledBefore: Timestamp,
): Promise<string | undefined> {
  const progress = await lockProgress(trx);
  if (progress === undefined) return undefined;
  const rows = await trx
    .selectFrom('messages as m')
    .leftJoin('message_words as w', 'w.message_id', 'm.id')
    .select(['m.id', 'm.created_at', 'm.status', 'w.message_id'])
    .where('m.id', '>', after ?? progress)
    .orderBy('m.id')
    .limit(MAX_MESSAGES)
    .execute();
  const missing = rows.filter(({ status, message_id }) => message_id === null && !isOpen(status)).map(({ id }) => id);
  await indexMessages(trx, missing);
  const firstRecent = rows.findIndex(({ created_at }) => created_at >= settledBefore);
  const settled = (firstRecent === -1 ? rows : rows.slice(0, firstRecent)).at(-1);
  if (settled !== undefined && settled.id > progress) {
    await trx.updateTable('task_progress').set({ position: settled.id }).where('task', '=', TASK).execute();
  }
  return rows.length < MAX_MESSAGES ? undefined : rows.at(-1)?.id;
}

const isOpen = (status: string) => status === 'QUEUED' || status === 'STREAMING';

/** The progress of earlier calls: an id. Undefined while another transaction has locked it. */
async function lockProgress(trx: Queryable): Promise<string | undefined> {
  await trx
    .insertInto('task_progress')
    .values({ task: TASK, position: '' })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await trx
    .selectFrom('task_progress')
    .select('position')
    .where('task', '=', TASK)
    .forUpdate()
    .skipLocked()
    .executeTakeFirst();
  return row?.position;
}

async function indexMessages(trx: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  // The lock keeps a message from being changed or deleted before its words are written.
  const messages = await trx
    .selectFrom('messages')
    .select(['id as message_id', 'account_id', 'conversation_id', 'is_private', 'content'])
    .where('id', 'in', ids)
    .where('content', '<>', '')
    .forUpdate()
    .execute();
  for await (const batch of yieldBatches(messages, ({ content }) => content.length + MESSAGE_CHARS, MAX_CHARS)) {
    const rows = batch.map(({ content, ...row }) => ({ ...row, words: toWords(content) }));
    await trx
      .insertInto('message_words')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}
