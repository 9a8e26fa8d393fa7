import { type Kysely, sql } from 'kysely';

/**
 * Adds what limits an API key: its expiry, its chatbots and its own limits; the limits of the sessions of a chatbot; the
 * monthly budgets, by the id of what has the budget; and the budgets that a reply counts against.
 */
export async function addLimits(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  for (const column of ['expires_at', 'chatbot_ids', 'limits']) {
    await schema.alterTable('api_keys').addColumn(column, 'text').execute();
  }
  await schema.alterTable('chatbots').addColumn('limits', 'text').execute();
  await sql`create index chatbots_limited on chatbots (id) where limits is not null`.execute(db);
  await schema.alterTable('messages').addColumn('budget_ids', 'text').execute();
  await schema
    .createTable('budget_usage')
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('owner_id', 'text', (c) => c.notNull())
    .addColumn('month', 'text', (c) => c.notNull())
    .addColumn('messages', 'integer', (c) => c.notNull())
    .addColumn('tokens', 'bigint', (c) => c.notNull())
    .addColumn('price_nano', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('budget_usage_by_owner', ['owner_id', 'month'])
    .execute();
}
