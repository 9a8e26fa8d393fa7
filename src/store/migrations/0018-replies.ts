import { type Kysely, sql } from 'kysely';

/**
 * Adds the outcome of a reply, the confidence of its search, and its models; they are null for earlier replies. Adds
 * counts of outcomes and ratings to the usage, and the usage by quarter-hour.
 */
export async function explainReplies(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema.alterTable('messages').addColumn('outcome', 'text').execute();
  await schema.alterTable('messages').addColumn('confidence', 'double precision').execute();
  await schema.alterTable('messages').addColumn('model_attempts', 'text').execute();
  for (const column of NEW_COUNTS) {
    await schema
      .alterTable('usage_days')
      .addColumn(column, 'bigint', (c) => c.notNull().defaultTo(0))
      .execute();
  }
  await countRatings(db);
  await createQuarterHours(db);
}

const OLD_COUNTS = [
  ...['messages', 'input_tokens', 'cached_tokens', 'output_tokens', 'reasoning_tokens'],
  ...['price_nano', 'unpriced_messages'],
];
const NEW_COUNTS = ['answered', 'unsure', 'fallbacks', 'rated_up', 'rated_down'];

/** Counts the ratings of earlier replies: otherwise a rating that is taken back would make a count negative. */
async function countRatings(db: Kysely<unknown>): Promise<void> {
  const zeros = sql.join(OLD_COUNTS.map(() => sql.lit(0)));
  const columns = sql.join(OLD_COUNTS.map((column) => sql.ref(column)));
  await sql`
    insert into usage_days (account_id, day, chatbot_id, api_key_id, ${columns}, rated_up, rated_down)
    select m.account_id, substr(m.created_at, 1, 10), c.chatbot_id, coalesce(m.api_key_id, ''), ${zeros},
      sum(case when m.rating = 'UP' then 1 else 0 end), sum(case when m.rating = 'DOWN' then 1 else 0 end)
    from messages as m join conversations as c on c.id = m.conversation_id
    where m.role = 'ASSISTANT' and m.rating is not null
    group by m.account_id, substr(m.created_at, 1, 10), c.chatbot_id, coalesce(m.api_key_id, '')
    on conflict (account_id, day, chatbot_id, api_key_id)
    do update set rated_up = excluded.rated_up, rated_down = excluded.rated_down`.execute(db);
}

/**
 * Creates the usage by quarter-hour, and copies the usage by day into the quarter-hour of 10:00 UTC, which belongs to
 * the same date in all time zones from -10:00 to +13:45.
 */
async function createQuarterHours(db: Kysely<unknown>): Promise<void> {
  let table = db.schema
    .createTable('usage_quarter_hours')
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('quarter_hour', 'text', (c) => c.notNull())
    .addColumn('chatbot_id', 'text', (c) => c.notNull())
    .addColumn('api_key_id', 'text', (c) => c.notNull());
  const counts = [...OLD_COUNTS, ...NEW_COUNTS];
  for (const column of counts) table = table.addColumn(column, 'bigint', (c) => c.notNull().defaultTo(0));
  await table
    .addPrimaryKeyConstraint('usage_quarter_hours_by_time', ['account_id', 'quarter_hour', 'chatbot_id', 'api_key_id'])
    .execute();
  const columns = sql.join(counts.map((column) => sql.ref(column)));
  await sql`
    insert into usage_quarter_hours (account_id, quarter_hour, chatbot_id, api_key_id, ${columns})
    select account_id, day || 'T10:00', chatbot_id, api_key_id, ${columns} from usage_days`.execute(db);
}
