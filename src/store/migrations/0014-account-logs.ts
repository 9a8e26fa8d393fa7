import { type Kysely, sql } from 'kysely';

/**
 * Adds the log of each account: its events have numbers within one of sixteen shards, by a hexadecimal digit of the
 * chatbot's id. Numbers the stored events, and adds a table of deleted chatbots, whose own events are removed.
 */
export async function addAccountLogs(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('account_logs')
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('shard', 'text', (c) => c.notNull())
    .addColumn('last_event', 'integer', (c) => c.notNull())
    .addColumn('last_event_id', 'text')
    .addColumn('last_trimmed', 'integer', (c) => c.notNull().defaultTo(0))
    .addPrimaryKeyConstraint('account_logs_by_shard', ['account_id', 'shard'])
    .execute();
  await schema
    .createTable('chatbot_deletions')
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('shard', 'text', (c) => c.notNull())
    .addColumn('shard_number', 'integer', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('chatbot_id', 'text', (c) => c.notNull())
    .addColumn('at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('chatbot_deletions_by_number', ['account_id', 'shard', 'shard_number'])
    .execute();
  await schema.createIndex('chatbot_deletions_by_age').on('chatbot_deletions').column('at').execute();

  await schema.alterTable('conversation_events').addColumn('shard', 'text').execute();
  await schema.alterTable('conversation_events').addColumn('shard_number', 'integer').execute();
  await numberEvents(db);
  await schema
    .createIndex('conversation_events_by_account')
    .on('conversation_events')
    .columns(['account_id', 'shard', 'shard_number'])
    .unique()
    .execute();
  await sql`
    insert into account_logs (account_id, shard, last_event, last_event_id)
    select account_id, shard, shard_number, id from conversation_events as event
    where shard_number = (
      select max(shard_number) from conversation_events as other
      where other.account_id = event.account_id and other.shard = event.shard)`.execute(db);
}

/** Numbers the events by time. Events of one chatbot keep their order, even if their clock was set back. */
async function numberEvents(db: Kysely<unknown>): Promise<void> {
  await sql`
    with dated as (
      select conversation_id, number, account_id, chatbot_id, chatbot_number, substr(chatbot_id, 34, 1) as shard,
        max(at) over (partition by chatbot_id order by chatbot_number) as latest_at
      from conversation_events),
    numbered as (
      select conversation_id, number, shard,
        row_number() over (
          partition by account_id, shard order by latest_at, chatbot_id, chatbot_number) as shard_number
      from dated)
    update conversation_events set shard = numbered.shard, shard_number = numbered.shard_number from numbered
    where conversation_events.conversation_id = numbered.conversation_id
      and conversation_events.number = numbered.number`.execute(db);
}
