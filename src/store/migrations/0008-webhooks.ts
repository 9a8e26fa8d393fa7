import { type Kysely, sql } from 'kysely';

/** Adds webhooks: subscriptions, events, deliveries and attempts. */
export async function addWebhooks(db: Kysely<unknown>): Promise<void> {
  await createSubscriptions(db);
  await createEvents(db);
  await createDeliveries(db);
  await createAttempts(db);
}

async function createSubscriptions({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('webhook_subscriptions')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('chatbot_id', 'text', (c) => c.references('chatbots.id').onDelete('cascade'))
    .addColumn('url', 'text', (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('events', 'text', (c) => c.notNull())
    .addColumn('channels', 'text')
    .addColumn('schedule', 'text', (c) => c.notNull())
    .addColumn('document', 'text')
    .addColumn('sealed_headers', 'text')
    .addColumn('sealed_secret', 'text', (c) => c.notNull())
    .addColumn('sealed_old_secret', 'text')
    .addColumn('old_secret_until', 'text')
    .addColumn('is_active', 'integer', (c) => c.notNull())
    .addColumn('disabled_reason', 'text')
    .addColumn('failing_since', 'text')
    .addColumn('warned_at', 'text')
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'text', (c) => c.notNull())
    .execute();
  await schema
    .createIndex('webhook_subscriptions_by_account')
    .on('webhook_subscriptions')
    .columns(['account_id', 'id'])
    .execute();
}

async function createEvents({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('webhook_events')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('chatbot_id', 'text')
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('conversation_id', 'text')
    .addColumn('message_id', 'text')
    .addColumn('lead_id', 'text')
    .addColumn('source_id', 'text')
    .addColumn('data', 'text', (c) => c.notNull())
    .addColumn('is_test', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('at', 'text', (c) => c.notNull())
    .execute();
  await schema.createIndex('webhook_events_by_account').on('webhook_events').columns(['account_id', 'id']).execute();
  await schema.createIndex('webhook_events_by_age').on('webhook_events').column('at').execute();
}

async function createDeliveries({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('webhook_deliveries')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('subscription_id', 'text', (c) => c.notNull().references('webhook_subscriptions.id').onDelete('cascade'))
    .addColumn('event_id', 'text', (c) => c.notNull().references('webhook_events.id').onDelete('cascade'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('body', 'text')
    .addColumn('body_problem', 'text')
    .addColumn('attempt_count', 'integer', (c) => c.notNull())
    .addColumn('next_attempt_at', 'text')
    .addColumn('leased_by', 'text')
    .addColumn('leased_until', 'text')
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute();
  await schema
    .createIndex('webhook_deliveries_by_subscription')
    .on('webhook_deliveries')
    .columns(['subscription_id', 'id'])
    .execute();
  await schema
    .createIndex('webhook_deliveries_by_account')
    .on('webhook_deliveries')
    .columns(['account_id', 'id'])
    .execute();
  await schema.createIndex('webhook_deliveries_by_event').on('webhook_deliveries').column('event_id').execute();
  // The deliveries with a next attempt. Stays small, however large the table is.
  await schema
    .createIndex('webhook_deliveries_due')
    .on('webhook_deliveries')
    .columns(['subscription_id', 'next_attempt_at'])
    .where(sql<boolean>`next_attempt_at is not null`)
    .execute();
}

async function createAttempts({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('webhook_attempts')
    .addColumn('delivery_id', 'text', (c) => c.notNull().references('webhook_deliveries.id').onDelete('cascade'))
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('duration_ms', 'integer', (c) => c.notNull())
    .addColumn('status_code', 'integer')
    .addColumn('error', 'text')
    .addColumn('response', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('webhook_attempts_in_order', ['delivery_id', 'number'])
    .execute();
}
