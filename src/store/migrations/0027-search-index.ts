import { type Kysely, sql } from 'kysely';
import { isPostgres } from '../engines/engine.ts';

/**
 * Replaces the search index, which each engine had in a form of its own, by one of the same tables on both. It starts
 * empty: `reindexSources` in `src/sources` fills it in the background.
 */
export async function replaceSearchIndex(db: Kysely<unknown>): Promise<void> {
  const old = [
    'search_vocabulary',
    'search_index',
    'search_entries',
    'search_totals',
    'search_terms',
    'search_postings',
  ];
  for (const name of old) await db.schema.dropTable(name).ifExists().execute();
  if (isPostgres(db)) await sql`drop sequence if exists search_blocks`.execute(db);
  await (isPostgres(db) ? createOnPostgres(db) : createOnSqlite(db));
  await db.schema.createIndex('search_entries_by_source').on('search_entries').column('source_id').execute();
  await db.schema
    .alterTable('sources')
    .addColumn('index_version', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema.createIndex('sources_by_index_version').on('sources').columns(['index_version', 'id']).execute();
}

/** Without a rowid, the rows are in the order of their keys: the postings of a term are next to each other. */
async function createOnSqlite(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table search_corpora (
      id integer primary key,
      chatbot_id text not null unique,
      account_id text not null,
      passages integer not null,
      terms integer not null,
      next_slot integer not null
    )`.execute(db);
  await sql`
    create table search_entries (
      corpus_id integer not null,
      slot integer not null,
      passage_id text not null unique,
      source_id text not null,
      terms text not null,
      primary key (corpus_id, slot)
    ) without rowid`.execute(db);
  await sql`
    create table search_postings (
      corpus_id integer not null,
      term text not null,
      segment integer not null,
      data blob not null,
      primary key (corpus_id, term, segment)
    ) without rowid`.execute(db);
}

/**
 * The collation "C" compares bytes, as SQLite does, which is also faster. Rows of postings have up to 3 kB and grow often:
 * with the usual target Postgres would write each version of the longer ones to another table.
 */
async function createOnPostgres(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table search_corpora (
      id integer generated always as identity primary key,
      chatbot_id text collate "C" not null unique,
      account_id text collate "C" not null,
      passages integer not null,
      terms bigint not null,
      next_slot integer not null
    )`.execute(db);
  await sql`
    create table search_entries (
      corpus_id integer not null,
      slot integer not null,
      passage_id text collate "C" not null unique,
      source_id text collate "C" not null,
      terms text not null,
      primary key (corpus_id, slot)
    )`.execute(db);
  await sql`
    create table search_postings (
      corpus_id integer not null,
      term text collate "C" not null,
      segment integer not null,
      data bytea not null,
      primary key (corpus_id, term, segment)
    ) with (toast_tuple_target = 4080)`.execute(db);
}
