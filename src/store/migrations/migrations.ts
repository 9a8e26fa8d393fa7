import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { addAttempts } from '../attempts.ts';
import { createNodes } from '../cluster-nodes.ts';
import { addChatbotRemoval } from '../deleted-chatbots.ts';
import { createSearchIndex } from '../search/search.ts';
import { addUncleanEnds } from '../webhooks/unclean-ends.ts';
import { addPeople } from './0004-people.ts';
import { addModels } from './0006-models.ts';
import { addMetering } from './0007-metering.ts';
import { addWebhooks } from './0008-webhooks.ts';
import { addPositions } from './0010-positions.ts';

/**
 * Every change of the schema, in order; a name once released is never edited, only followed. Each runs in a
 * transaction, on every engine.
 */
export const migrations: Record<string, Migration> = {
  '0001-first': { up: createFirstTables },
  '0002-conversation-events': { up: createEventTables },
  '0003-branches': { up: addBranches },
  '0004-people': { up: addPeople },
  '0005-nodes': { up: createNodes },
  '0006-models': { up: addModels },
  '0007-metering': { up: addMetering },
  '0008-webhooks': { up: addWebhooks },
  '0009-chatbot-removal': { up: addChatbotRemoval },
  '0010-positions': { up: addPositions },
  '0011-attempts': { up: addAttempts },
  '0012-unclean-ends': { up: addUncleanEnds },
};

// Tables that grow have no index by account alone: a planner without statistics would take it for `id in (…)` and walk
// through the whole account instead of looking up a few ids.
async function createFirstTables(db: Kysely<unknown>): Promise<void> {
  await createAccounts(db);
  await createApiKeys(db);
  await createChatbots(db);
  await createSources(db);
  await createPassages(db);
  await createConversations(db);
  await createMessages(db);
  await createUsage(db);
  await createSearchIndex(db);
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
  // Small at any size of the table: what is waiting or being written, for the queue and for the sweep at start.
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

async function createEventTables({ schema }: Kysely<unknown>): Promise<void> {
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

/**
 * Every message hangs on the one before it, and says whether it stands on the branch that its conversation shows. The
 * table is built anew: a chain of messages must not be deleted one by the other, which engines do to a depth only.
 */
async function addBranches(db: Kysely<unknown>): Promise<void> {
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
  // Replies hang on their questions already; the others followed what was said before them.
  await sql`
    update messages set parent_id = (
      select max(earlier.id) from messages as earlier
      where earlier.conversation_id = messages.conversation_id and earlier.is_shown = 1 and earlier.id < messages.id
    ) where parent_id is null`.execute(db);
}
