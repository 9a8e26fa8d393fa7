import { type Kysely, sql } from 'kysely';
import { isPostgres } from '../engines/engine.ts';

/**
 * The counted conversations, by the column that counts them: a condition on the row called `row`, which is never null.
 * A conversation that is closed counts nowhere.
 */
const COUNTED: Readonly<Record<string, (row: string) => string>> = {
  open: (row) => `${row}.status = 'OPEN'`,
  escalated: (row) => `${row}.status = 'ESCALATED'`,
  unassigned: (row) => `${row}.status <> 'CLOSED' and ${row}.assignee is null`,
  unread: (row) => `${row}.status <> 'CLOSED' and ${row}.unread_since is not null`,
};
const COLUMNS = Object.keys(COUNTED);

/**
 * Adds the number of conversations of each chatbot that need people. Triggers keep the numbers equal to the rows of
 * conversations in every transaction, also in those of earlier versions of the gateway.
 *
 * A later migration that changes the status, the assignee or `unread_since` of conversations, and then the table
 * itself, runs `set constraints all immediate` in between: Postgres alters no table whose triggers are pending.
 */
export async function addInboxCounts(db: Kysely<unknown>): Promise<void> {
  let table = db.schema
    .createTable('inbox_counts')
    .addColumn('chatbot_id', 'text', (c) => c.primaryKey().references('chatbots.id').onDelete('cascade'));
  for (const column of COLUMNS) table = table.addColumn(column, 'integer', (c) => c.notNull());
  await table.execute();
  // The triggers lock the table of conversations on Postgres, so no other transaction changes it before the first count.
  for (const statement of isPostgres(db) ? POSTGRES_TRIGGERS : SQLITE_TRIGGERS) await sql.raw(statement).execute(db);
  const counts = COLUMNS.map((column) => `sum(${numberOf(column, 'conversations')})`);
  await sql
    .raw(`
      insert into inbox_counts (chatbot_id, ${COLUMNS.join(', ')})
      select chatbot_id, ${counts.join(', ')} from conversations group by chatbot_id`)
    .execute(db);
}

/** 1 if a row counts in a column, otherwise 0. */
const numberOf = (column: string, row: string) => `case when ${COUNTED[column]?.(row)} then 1 else 0 end`;

const INSERT = `
  insert into inbox_counts (chatbot_id, ${COLUMNS.join(', ')})
  values (new.chatbot_id, ${COLUMNS.map((column) => numberOf(column, 'new')).join(', ')})
  on conflict (chatbot_id) do update set
    ${COLUMNS.map((column) => `${column} = inbox_counts.${column} + excluded.${column}`).join(', ')};`;
const UPDATE = `
  update inbox_counts set
    ${COLUMNS.map((c) => `${c} = ${c} + (${numberOf(c, 'new')}) - (${numberOf(c, 'old')})`).join(', ')}
  where chatbot_id = new.chatbot_id;`;
const DELETE = `
  update inbox_counts set ${COLUMNS.map((column) => `${column} = ${column} - (${numberOf(column, 'old')})`).join(', ')}
  where chatbot_id = old.chatbot_id;`;
const COUNTED_COLUMNS = 'status, assignee, unread_since';
const IS_CHANGED = COLUMNS.map((column) => `(${COUNTED[column]?.('old')}) <> (${COUNTED[column]?.('new')})`).join(
  ' or ',
);

const SQLITE_TRIGGERS = [
  `create trigger conversations_inserted after insert on conversations begin ${INSERT} end`,
  `create trigger conversations_updated after update of ${COUNTED_COLUMNS} on conversations
    when ${IS_CHANGED} begin ${UPDATE} end`,
  `create trigger conversations_deleted after delete on conversations begin ${DELETE} end`,
];

/**
 * The triggers run at the commit. So a transaction locks the numbers of a chatbot last, which excludes deadlocks, and
 * only while it commits: other transactions hardly wait for it.
 */
const POSTGRES_TRIGGERS = [
  `create function change_inbox_counts() returns trigger language plpgsql as $$ begin
    case tg_op when 'INSERT' then ${INSERT} when 'UPDATE' then ${UPDATE} else ${DELETE} end case;
    return null;
  end $$`,
  ...[
    ['inserted', 'insert', ''],
    ['updated', `update of ${COUNTED_COLUMNS}`, `when (${IS_CHANGED})`],
    ['deleted', 'delete', ''],
  ].map(
    ([name, event, condition]) => `
      create constraint trigger conversations_${name} after ${event} on conversations
      deferrable initially deferred for each row ${condition} execute function change_inbox_counts()`,
  ),
];
