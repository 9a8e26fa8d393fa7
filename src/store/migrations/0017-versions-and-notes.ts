import { type Kysely, sql } from 'kysely';

/**
 * Adds the message that a new version replaces (null for messages of earlier versions), the time of the last change of
 * a message, whether the message of a MessageDeleted event was a private note, and an index of private notes.
 */
export async function addReplacementsAndChanges({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('messages').addColumn('replaces_id', 'text').execute();
  await schema.alterTable('messages').addColumn('updated_at', 'text').execute();
  await schema
    .alterTable('conversation_events')
    .addColumn('is_private', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await schema
    .createIndex('messages_private')
    .on('messages')
    .columns(['conversation_id', 'id'])
    .where(sql<boolean>`is_private = 1`)
    .execute();
}
