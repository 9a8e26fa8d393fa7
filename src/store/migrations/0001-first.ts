import { type Kysely, sql } from 'kysely';

/**
 * Creates the first tables: accounts, API keys, chatbots, sources, passages, conversations, messages and usage. Tables
 * that grow have no index by account alone: a planner without statistics would use such an index for `id in (…)`, and
 * scan the whole account instead of finding a few ids.
 */
export async function createFirstTables(db: Kysely<unknown>): Promise<void> {
  await createAccounts(db);
  await createApiKeys(db);
  await createChatbots(db);
  await createSources(db);
  await createPassages(db);
  await createConversations(db);
  await createMessages(db);
  await createUsage(db);
}

async function createAccounts({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('accounts')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute();
}

async function createApiKeys({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('api_keys')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('prefix', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull().unique())
    .addColumn('scopes', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('last_used_at', 'text')
    .addColumn('revoked_at', 'text')
    .execute();
  await schema.createIndex('api_keys_by_account').on('api_keys').columns(['account_id', 'id']).execute();
  await schema
    .createIndex('api_keys_revoked')
    .on('api_keys')
    .column('id')
    .where(sql<boolean>`revoked_at is not null`)
    .execute();
}

async function createChatbots({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('chatbots')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('slug', 'text', (c) => c.notNull())
    .addColumn('provider', 'text', (c) => c.notNull())
    .addColumn('model', 'text')
    .addColumn('instructions', 'text', (c) => c.notNull())
    .addColumn('fallback_message', 'text', (c) => c.notNull())
    .addColumn('handover_message', 'text', (c) => c.notNull())
    .addColumn('is_active', 'integer', (c) => c.notNull())
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'text', (c) => c.notNull())
    .addUniqueConstraint('chatbots_by_slug', ['account_id', 'slug'])
    .execute();
  await schema.createIndex('chatbots_by_account').on('chatbots').columns(['account_id', 'id']).execute();
}

async function createSources({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('sources')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('chatbot_id', 'text', (c) => c.notNull().references('chatbots.id').onDelete('cascade'))
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('title', 'text', (c) => c.notNull())
    .addColumn('url', 'text')
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('error', 'text')
    .addColumn('page_count', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'text', (c) => c.notNull())
    .execute();
  await schema.createIndex('sources_by_chatbot').on('sources').columns(['chatbot_id', 'id']).execute();
  await schema.createIndex('sources_by_status').on('sources').columns(['chatbot_id', 'status', 'id']).execute();
}

async function createPassages({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('passages')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('chatbot_id', 'text', (c) => c.notNull().references('chatbots.id').onDelete('cascade'))
    .addColumn('source_id', 'text', (c) => c.notNull().references('sources.id').onDelete('cascade'))
    .addColumn('position', 'integer', (c) => c.notNull())
    .addColumn('heading_path', 'text', (c) => c.notNull())
    .addColumn('text', 'text', (c) => c.notNull())
    .execute();
  await schema.createIndex('passages_by_source').on('passages').columns(['source_id', 'id']).execute();
  await schema.createIndex('passages_by_chatbot').on('passages').column('chatbot_id').execute();
}

async function createConversations({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('conversations')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('chatbot_id', 'text', (c) => c.notNull().references('chatbots.id').onDelete('cascade'))
    .addColumn('session_id', 'text', (c) => c.notNull())
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'text', (c) => c.notNull())
    .addUniqueConstraint('conversations_by_session', ['chatbot_id', 'session_id'])
    .execute();
  await schema.createIndex('conversations_by_chatbot').on('conversations').columns(['chatbot_id', 'id']).execute();
  await schema
    .createIndex('conversations_by_status')
    .on('conversations')
    .columns(['chatbot_id', 'status', 'id'])
    .execute();
}

async function createMessages({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('messages')
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
    .addColumn('parent_id', 'text', (c) => c.references('messages.id').onDelete('cascade'))
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('error', 'text')
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('completed_at', 'text')
    .execute();
  await schema.createIndex('messages_by_conversation').on('messages').columns(['conversation_id', 'id']).execute();
  await schema.createIndex('messages_by_parent').on('messages').column('parent_id').execute();
  // The open replies, for the queue and for the recovery at startup. Stays small, however large the table is.
  await schema
    .createIndex('messages_open')
    .on('messages')
    .columns(['conversation_id', 'id'])
    .where(sql<boolean>`status in ('QUEUED', 'STREAMING')`)
    .execute();
}

async function createUsage({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('usage')
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('month', 'text', (c) => c.notNull())
    .addColumn('messages', 'bigint', (c) => c.notNull())
    .addColumn('input_tokens', 'bigint', (c) => c.notNull())
    .addColumn('output_tokens', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('usage_by_month', ['account_id', 'month'])
    .execute();
}
