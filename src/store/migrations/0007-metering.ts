import type { Kysely } from 'kysely';

/**
 * Creates the table of quota warnings again, with the number of each warning (for cursors), and the usage and the limit
 * that the warning reports. Earlier versions wrote no warnings, so no data is lost. The `share` in the name of a
 * constraint is the percentage of the quota.
 */
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
