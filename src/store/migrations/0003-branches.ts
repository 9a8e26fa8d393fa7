import { type Kysely, sql } from 'kysely';

/**
 * Makes every message refer to the message before it, and record whether it is on the branch that its conversation
 * shows. The migration rebuilds the table to drop the cascade from parent to child: database engines cascade to a
 * limited depth only.
 */
export async function addBranches(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  const columns = [
    ...['id', 'account_id', 'conversation_id', 'role', 'status', 'content', 'citations', 'finish_reason'],
    ...['input_tokens', 'output_tokens', 'rating', 'parent_id', 'metadata', 'error', 'created_at', 'completed_at'],
  ];
  await schema
    .createTable('messages_with_branches')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('conversation_id', 'text', (c) => c.notNull().references('conversations.id').onDelete('cascade'))
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('content', 'text', (c) => c.notNull())
    .addColumn('citations', 'text', (c) => c.notNull())
    .addColumn('finish_reason', 'text')
    .addColumn('input_tokens', 'integer')
    .addColumn('output_tokens', 'integer')
    .addColumn('rating', 'text')
    .addColumn('parent_id', 'text')
    .addColumn('is_shown', 'integer', (c) => c.notNull().defaultTo(1))
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('error', 'text')
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('completed_at', 'text')
    .execute();
  const list = sql.join(columns.map((name) => sql.ref(name)));
  await sql`insert into messages_with_branches (${list}) select ${list} from messages`.execute(db);
  await schema.dropTable('messages').execute();
  await schema.alterTable('messages_with_branches').renameTo('messages').execute();

  await schema.createIndex('messages_shown').on('messages').columns(['conversation_id', 'is_shown', 'id']).execute();
  await schema
    .createIndex('messages_by_parent')
    .on('messages')
    .columns(['parent_id', 'conversation_id', 'id'])
    .execute();
  await schema
    .createIndex('messages_open')
    .on('messages')
    .columns(['conversation_id', 'id'])
    .where(sql<boolean>`status in ('QUEUED', 'STREAMING')`)
    .execute();
  // Replies refer to their user messages already; each other message gets the message before it as its parent.
  await sql`
    update messages set parent_id = (
      select max(earlier.id) from messages as earlier
      where earlier.conversation_id = messages.conversation_id and earlier.is_shown = 1 and earlier.id < messages.id
    ) where parent_id is null`.execute(db);
}
