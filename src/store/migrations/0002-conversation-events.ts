import type { Kysely } from 'kysely';

/** Adds the tables of events and idempotency keys, and the last event number of each conversation and chatbot. */
export async function createEventTables({ schema }: Kysely<unknown>): Promise<void> {
  for (const table of ['chatbots', 'conversations']) {
    await schema
      .alterTable(table)
      .addColumn('last_event', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  }

  await schema
    .createTable('conversation_events')
    .addColumn('conversation_id', 'text', (c) => c.notNull().references('conversations.id').onDelete('cascade'))
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('chatbot_id', 'text', (c) => c.notNull())
    .addColumn('chatbot_number', 'integer', (c) => c.notNull())
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('message_id', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('conversation_events_by_number', ['conversation_id', 'number'])
    .execute();
  await schema
    .createIndex('conversation_events_by_chatbot')
    .on('conversation_events')
    .columns(['chatbot_id', 'chatbot_number'])
    .unique()
    .execute();

  await schema
    .createTable('idempotency_keys')
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('chatbot_id', 'text', (c) => c.notNull().references('chatbots.id').onDelete('cascade'))
    .addColumn('operation', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('fingerprint', 'text', (c) => c.notNull())
    .addColumn('message_id', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('idempotency_keys_by_key', ['chatbot_id', 'operation', 'key'])
    .execute();
  await schema.createIndex('idempotency_keys_by_age').on('idempotency_keys').column('created_at').execute();
}
