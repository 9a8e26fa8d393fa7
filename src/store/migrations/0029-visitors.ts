import { type Kysely, sql } from 'kysely';

/**
 * Adds visitors, with their session tokens and blocks, and the settings by which browsers reach a chatbot without a key.
 * Conversations that exist already have no visitor.
 */
export async function addVisitors(db: Kysely<unknown>): Promise<void> {
  await createVisitors(db);
  await createSessionTokens(db);
  await db.schema
    .createTable('address_blocks')
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('network', 'text', (c) => c.notNull())
    .addColumn('until', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('address_blocks_key', ['account_id', 'network'])
    .execute();
  await db.schema.alterTable('conversations').addColumn('visitor_id', 'text').execute();
  await sql`
    create index conversations_by_visitor on conversations (visitor_id, last_message_at, id)
    where visitor_id is not null`.execute(db);
  await addChatbotColumns(db);
}

async function createVisitors(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('visitors')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('chatbot_id', 'text', (c) => c.notNull().references('chatbots.id').onDelete('cascade'))
    .addColumn('external_id', 'text')
    .addColumn('name', 'text')
    .addColumn('email', 'text')
    .addColumn('custom_data', 'text', (c) => c.notNull())
    .addColumn('is_blocked', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('first_seen_at', 'text', (c) => c.notNull())
    .addColumn('last_seen_at', 'text', (c) => c.notNull())
    .execute();
  await schema.createIndex('visitors_by_chatbot').on('visitors').columns(['chatbot_id', 'id']).execute();
  await schema
    .createIndex('visitors_by_external_id')
    .unique()
    .on('visitors')
    .columns(['chatbot_id', 'external_id'])
    .execute();
  await sql`create index visitors_blocked on visitors (id) where is_blocked = 1`.execute(db);
  await schema
    .createTable('visitor_joins')
    .addColumn('visitor_id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('joined_id', 'text', (c) => c.notNull().references('visitors.id').onDelete('cascade'))
    .addColumn('at', 'text', (c) => c.notNull())
    .execute();
  await schema.createIndex('visitor_joins_by_target').on('visitor_joins').column('joined_id').execute();
}

async function createSessionTokens(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('session_tokens')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('chatbot_id', 'text', (c) => c.notNull().references('chatbots.id').onDelete('cascade'))
    .addColumn('visitor_id', 'text', (c) => c.notNull().references('visitors.id').onDelete('cascade'))
    .addColumn('origin', 'text')
    .addColumn('operations', 'text')
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('lifetime_seconds', 'integer', (c) => c.notNull())
    .addColumn('renewal_number', 'integer', (c) => c.notNull())
    .addColumn('renewal_hash', 'text', (c) => c.notNull())
    .addColumn('previous_renewal_hash', 'text')
    .addColumn('renewable_until', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('renewed_at', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'text', (c) => c.notNull())
    .addColumn('revoked_at', 'text')
    .execute();
  await schema.createIndex('session_tokens_by_visitor').on('session_tokens').column('visitor_id').execute();
  await schema.createIndex('session_tokens_by_end').on('session_tokens').column('renewable_until').execute();
  await sql`create index session_tokens_revoked on session_tokens (revoked_at) where revoked_at is not null`.execute(
    db,
  );
  await schema.createIndex('session_tokens_by_chatbot').on('session_tokens').column('chatbot_id').execute();
}

async function addChatbotColumns(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  const columns = [
    ['is_public', 'integer', 0],
    ['allowed_origins', 'text', '[]'],
    ['requires_identity', 'integer', 0],
  ] as const;
  for (const [name, type, initial] of columns) {
    await schema
      .alterTable('chatbots')
      .addColumn(name, type, (c) => c.notNull().defaultTo(initial))
      .execute();
  }
  await schema.alterTable('chatbots').addColumn('jwks_url', 'text').execute();
  await schema
    .createTable('identity_secrets')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('chatbot_id', 'text', (c) => c.notNull().references('chatbots.id').onDelete('cascade'))
    .addColumn('sealed', 'text', (c) => c.notNull())
    .addColumn('ending', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute();
  await schema
    .createIndex('identity_secrets_by_chatbot')
    .on('identity_secrets')
    .columns(['chatbot_id', 'id'])
    .execute();
  await sql`create index chatbots_public on chatbots (id) where is_public = 1`.execute(db);
}
