import { type Kysely, sql } from 'kysely';
import { isPostgres } from '../engines/engine.ts';

/**
 * Adds the index of the words of messages. Messages that exist already are indexed in the background: see
 * `indexMessages` in `src/conversations`. On both engines `message_words` is all that is written; the database derives
 * its full-text index from the rows, also when they are deleted with their messages.
 */
export async function addMessageIndex(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('task_progress')
    .addColumn('task', 'text', (c) => c.primaryKey().notNull())
    .addColumn('position', 'text', (c) => c.notNull())
    .execute();
  await (isPostgres(db) ? createOnPostgres(db) : createOnSqlite(db));
  await sql`create index message_words_by_conversation on message_words (conversation_id)`.execute(db);
}

/**
 * The lexemes start with the id of the account, so a search reads only the postings of its account. The high cost of
 * the function keeps the planner from computing it for all rows instead of reading the index; starting parallel workers
 * would take longer than a search, and the function prevents that too. New entries are first collected in a list, which
 * is read by every search, so it is short.
 */
async function createOnPostgres(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table message_words (
      message_id text collate "C" not null primary key references messages (id) on delete cascade,
      account_id text collate "C" not null,
      conversation_id text collate "C" not null,
      is_private integer not null,
      words text collate "C" not null
    )`.execute(db);
  await sql`
    create function message_words_vector(account_id text, words text) returns tsvector
    language plpgsql immutable cost 1000 as $$
      begin return array_to_tsvector(string_to_array(account_id || replace(btrim(words), ' ', ' ' || account_id), ' ')); end
    $$`.execute(db);
  await sql`
    create index message_words_index on message_words using gin (message_words_vector(account_id, words))
    with (fastupdate = on, gin_pending_list_limit = 128)`.execute(db);
}

/**
 * The tokens start with the id of the account, as on Postgres. FTS5 writes a segment per transaction, and merges them
 * later, which is expensive for single messages. So triggers index rows in batches; a search reads the rows after
 * `indexed_id` themselves. `autoincrement` keeps an id from being used again after its row was indexed and deleted.
 */
async function createOnSqlite(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table message_words (
      id integer primary key autoincrement,
      message_id text not null unique references messages (id) on delete cascade,
      account_id text not null,
      conversation_id text not null,
      is_private integer not null,
      words text not null
    )`.execute(db);
  await sql`create virtual table message_index using fts5 (words, content = '', detail = none, tokenize = 'ascii')`.execute(
    db,
  );
  await sql`create virtual table message_vocabulary using fts5vocab (message_index, instance)`.execute(db);
  await sql`create table message_index_state (indexed_id integer not null)`.execute(db);
  await sql`insert into message_index_state values (0)`.execute(db);
  const tokens = (row: string) => sql`
    replace(rtrim(${sql.ref(`${row}.words`)}), ' ', ' ' || replace(${sql.ref(`${row}.account_id`)}, '-', ''))`;
  const indexedId = sql`(select indexed_id from message_index_state)`;
  // Contentless FTS5 deletes a row only with exactly the text that was indexed.
  const removeOld = sql`
    insert into message_index (message_index, rowid, words) values ('delete', old.id, ${tokens('old')})`;
  await sql`
    create trigger message_words_inserted after insert on message_words when new.id >= ${indexedId} + 128 begin
      insert into message_index (rowid, words)
      select row.id, ${tokens('row')} from message_words as row where row.id > ${indexedId} and row.id <= new.id;
      update message_index_state set indexed_id = new.id;
    end`.execute(db);
  await sql`
    create trigger message_words_deleted after delete on message_words when old.id <= ${indexedId} begin
      ${removeOld};
    end`.execute(db);
  await sql`
    create trigger message_words_changed after update of words on message_words when new.id <= ${indexedId} begin
      ${removeOld};
      insert into message_index (rowid, words) values (new.id, ${tokens('new')});
    end`.execute(db);
}
