import type { Kysely } from 'kysely';

/** Numbers the quota warnings, for cursors, and stores what each reported. The table was empty until now. */
export async function addMetering({ schema }: Kysely<unknown>): Promise<void> {
  await schema.dropTable('quota_warnings').execute();
  await schema
    .createTable('quota_warnings')
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('month', 'text', (c) => c.notNull())
    .addColumn('percent', 'integer', (c) => c.notNull())
    .addColumn('used', 'integer', (c) => c.notNull())
    .addColumn('message_limit', 'integer', (c) => c.notNull())
    .addColumn('at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('quota_warnings_by_number', ['account_id', 'number'])
    .addUniqueConstraint('quota_warnings_by_share', ['account_id', 'month', 'percent'])
    .execute();
}
