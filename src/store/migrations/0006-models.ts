import { type Kysely, sql } from 'kysely';
import { toJson } from '../../domain/json.ts';

/** Adds hosted models: the settings of chatbots for them, the prices of replies, and the accounts' provider keys. */
export async function addModels(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .alterTable('chatbots')
    .addColumn('answering', 'text', (c) => c.notNull().defaultTo(DEFAULT_ANSWERING))
    .execute();
  for (const column of ['cached_tokens', 'reasoning_tokens', 'is_estimated', 'first_token_ms']) {
    await schema.alterTable('messages').addColumn(column, 'integer').execute();
  }
  await schema.alterTable('messages').addColumn('price_nano', 'bigint').execute();
  for (const column of ['provider', 'model', 'reasoning', 'follow_ups', 'api_key_id']) {
    await schema.alterTable('messages').addColumn(column, 'text').execute();
  }
  // Before this migration, only the built-in engine generated replies, and it estimates its usage.
  await sql`
    update messages set cached_tokens = 0, reasoning_tokens = 0, is_estimated = 1, provider = 'builtin'
    where input_tokens is not null`.execute(db);
  await createUsageDays(db);
  await createProviderTables(db);
}

/** The model settings of chatbots that are older than this migration. */
const DEFAULT_ANSWERING = toJson({
  grounding: 'STRICT',
  fallbackModels: [],
  tools: [],
  showsReasoning: false,
  sharesMetadata: false,
  suggestsFollowUps: false,
});

async function createUsageDays(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  const counts = ['messages', 'input_tokens', 'cached_tokens', 'output_tokens', 'reasoning_tokens'];
  let table = schema
    .createTable('usage_days')
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('day', 'text', (c) => c.notNull())
    .addColumn('chatbot_id', 'text', (c) => c.notNull())
    .addColumn('api_key_id', 'text', (c) => c.notNull());
  for (const column of [...counts, 'price_nano', 'unpriced_messages']) {
    table = table.addColumn(column, 'bigint', (c) => c.notNull());
  }
  await table.addPrimaryKeyConstraint('usage_days_by_day', ['account_id', 'day', 'chatbot_id', 'api_key_id']).execute();
  // Before this migration, usage was counted by month, without prices. Each total moves to the first day of its month.
  await sql`
    insert into usage_days
      (account_id, day, chatbot_id, api_key_id, messages, input_tokens, cached_tokens, output_tokens, reasoning_tokens,
       price_nano, unpriced_messages)
    select account_id, month || '-01', '', '', messages, input_tokens, 0, output_tokens, 0, 0, 0 from usage`.execute(
    db,
  );
  await schema.alterTable('usage').dropColumn('input_tokens').execute();
  await schema.alterTable('usage').dropColumn('output_tokens').execute();

  await schema
    .createTable('quota_warnings')
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('month', 'text', (c) => c.notNull())
    .addColumn('percent', 'integer', (c) => c.notNull())
    .addColumn('at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('quota_warnings_by_month', ['account_id', 'month', 'percent'])
    .execute();
}

async function createProviderTables({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('provider_keys')
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('provider', 'text', (c) => c.notNull())
    .addColumn('sealed_key', 'text')
    .addColumn('key_ending', 'text')
    .addColumn('base_url', 'text')
    .addColumn('updated_at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('provider_keys_by_provider', ['account_id', 'provider'])
    .execute();
  await schema
    .createTable('provider_models')
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('provider', 'text', (c) => c.notNull())
    .addColumn('model', 'text', (c) => c.notNull())
    .addColumn('worked_at', 'text')
    .addColumn('failed_at', 'text')
    .addColumn('failure', 'text')
    .addPrimaryKeyConstraint('provider_models_by_name', ['account_id', 'provider', 'model'])
    .execute();
}
