import { type Kysely, sql } from 'kysely';

/** Adds the people who sign in with tokens of an issuer, as authors of messages and as assignees of conversations. */
export async function addMembers({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('members')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('name', 'text')
    .addColumn('email', 'text')
    .addColumn('described_at', 'text', (c) => c.notNull())
    .addColumn('is_active', 'integer', (c) => c.notNull())
    .addColumn('state_changes', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute();
  await schema
    .createIndex('members_by_subject')
    .on('members')
    .columns(['account_id', 'issuer', 'subject'])
    .unique()
    .execute();
  await schema.createIndex('members_by_account').on('members').columns(['account_id', 'id']).execute();
  await schema
    .createIndex('members_changed')
    .on('members')
    .column('state_changes')
    .where(sql<boolean>`state_changes > 0`)
    .execute();
  await schema.alterTable('messages').addColumn('author_id', 'text').execute();
  await schema.alterTable('conversations').addColumn('assigned_member_id', 'text').execute();
  await schema
    .createIndex('conversations_by_member')
    .on('conversations')
    .columns(['account_id', 'assigned_member_id', 'last_message_at', 'id'])
    .where(sql<boolean>`assigned_member_id is not null`)
    .execute();
}
