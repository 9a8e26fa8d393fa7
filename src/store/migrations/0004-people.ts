import { type ColumnDefinitionBuilder, type Kysely, sql } from 'kysely';
import { toJson } from '../../domain/json.ts';

/** Adds human agents, private notes, leads, and events that are not about a message. */
export async function addPeople(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  for (const column of ['silent_until', 'assignee', 'escalated_at', 'escalation_reason']) {
    await schema.alterTable('conversations').addColumn(column, 'text').execute();
  }
  const zero = (c: ColumnDefinitionBuilder) => c.notNull().defaultTo(0);
  await schema.alterTable('conversations').addColumn('unread_count', 'integer', zero).execute();
  await schema.alterTable('messages').addColumn('is_private', 'integer', zero).execute();
  await schema.alterTable('messages').addColumn('author_name', 'text').execute();
  await schema
    .alterTable('chatbots')
    .addColumn('lead_form', 'text', (c) => c.notNull().defaultTo(DEFAULT_LEAD_FORM))
    .execute();
  await createLeads(db);
  await rebuildEvents(db);
}

/** The lead form of chatbots that are older than this migration. */
const DEFAULT_LEAD_FORM = toJson({
  title: 'How can we reach you?',
  fields: [
    { name: 'name', label: 'Name', isRequired: false },
    { name: 'email', label: 'Email', isRequired: true },
    { name: 'phone', label: 'Phone', isRequired: false },
  ],
});

async function createLeads({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('leads')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('chatbot_id', 'text', (c) => c.notNull().references('chatbots.id').onDelete('cascade'))
    .addColumn('conversation_id', 'text', (c) => c.notNull().references('conversations.id').onDelete('cascade'))
    .addColumn('name', 'text')
    .addColumn('email', 'text')
    .addColumn('phone', 'text')
    .addColumn('custom_data', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute();
  await schema.createIndex('leads_by_chatbot').on('leads').columns(['chatbot_id', 'id']).execute();
  await schema.createIndex('leads_by_conversation').on('leads').column('conversation_id').execute();
}

/** Makes the message columns of events optional. SQLite cannot change a column, so a new table replaces the old one. */
async function rebuildEvents(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('events_of_all_kinds')
    .addColumn('conversation_id', 'text', (c) => c.notNull().references('conversations.id').onDelete('cascade'))
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('chatbot_id', 'text', (c) => c.notNull())
    .addColumn('chatbot_number', 'integer', (c) => c.notNull())
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('message_id', 'text')
    .addColumn('lead_id', 'text')
    .addColumn('status', 'text')
    .addColumn('at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('conversation_events_in_order', ['conversation_id', 'number'])
    .execute();
  const list = sql.raw('conversation_id, number, chatbot_id, chatbot_number, account_id, type, message_id, status, at');
  await sql`insert into events_of_all_kinds (${list}) select ${list} from conversation_events`.execute(db);
  await schema.dropTable('conversation_events').execute();
  await schema.alterTable('events_of_all_kinds').renameTo('conversation_events').execute();
  await schema
    .createIndex('conversation_events_by_chatbot')
    .on('conversation_events')
    .columns(['chatbot_id', 'chatbot_number'])
    .unique()
    .execute();
}
