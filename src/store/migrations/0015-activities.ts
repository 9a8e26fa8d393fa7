import { type Kysely, sql } from 'kysely';

/**
 * Adds the activities of conversations, to which their events refer, and the count of what a visitor has not read.
 * Events that are older than this migration have no activity.
 */
export async function addActivities(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('conversation_activities')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('conversation_id', 'text', (c) => c.notNull().references('conversations.id').onDelete('cascade'))
    .addColumn('changes', 'text', (c) => c.notNull())
    .addColumn('actor', 'text')
    .addColumn('at', 'text', (c) => c.notNull())
    .execute();
  await schema
    .createIndex('conversation_activities_by_conversation')
    .on('conversation_activities')
    .columns(['conversation_id', 'id'])
    .execute();
  await schema.alterTable('conversation_events').addColumn('activity_id', 'text').execute();
  await schema
    .alterTable('conversations')
    .addColumn('visitor_unread_count', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await sql`update conversation_events set type = 'ConversationChanged' where type = 'HandoffChanged'`.execute(db);
}
