/**
 * The full-text index on SQLite. Each indexed term starts with the id of its chatbot, so a search reads only that
 * chatbot's postings, and the vocabulary counts each term per chatbot. FTS5's ranking, which selects the candidates,
 * uses the number and the average length of the rows of all chatbots together.
 */
import { type Kysely, sql } from 'kysely';
import { yieldBatches } from '../engines/yield-batches.ts';
import type { Queryable } from '../tables.ts';
import type { IndexEntry, MatchRow, TextIndex } from './text-index.ts';

/** The maximum weight of a batch: the number of its terms, at about a microsecond each. */
const MAX_BATCH_WEIGHT = 20_000;
/** The weight of an entry without its terms. */
const ENTRY_WEIGHT = 40;

/** The index as an FTS5 table. */
export const sqliteIndex: TextIndex = {
  create,
  add,
  remove,

  async countTerms(db, chatbotId, terms) {
    const prefix = termPrefixOf(chatbotId);
    const indexedTerms = terms.map((term) => prefix + term);
    const { rows } = await sql<{ term: string; doc: number }>`
      select term, doc from search_vocabulary where term in (${sql.join(indexedTerms)})`.execute(db);
    return rows.map(({ term, doc }) => ({ term: term.slice(prefix.length), count: doc }));
  },

  /**
   * The expression quotes terms, which contain no quotes, so FTS5 finds no syntax in them. SQLite keeps the order of
   * cross joins; with other joins it would start with all passages of the account.
   */
  async match(db, accountId, chatbotId, terms, limit) {
    const prefix = termPrefixOf(chatbotId);
    const expression = terms.map((term) => `"${prefix}${term}"`).join(' OR ');
    const { rows } = await sql<MatchRow>`
      select p.*, s.title, s.url, s.type, e.terms
      from (select rowid from search_index where search_index match ${expression} order by rank limit ${limit}) as found
      cross join search_entries as e on e.id = found.rowid
      cross join passages as p on p.id = e.passage_id
      cross join sources as s on s.id = p.source_id
      where p.account_id = ${accountId} and p.chatbot_id = ${chatbotId}
    `.execute(db);
    return rows;
  },
};

async function create(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table search_entries (
      id integer primary key,
      passage_id text not null unique,
      account_id text not null,
      chatbot_id text not null,
      source_id text not null,
      terms text not null,
      length integer not null
    )`.execute(db);
  await sql`create index search_entries_by_source on search_entries (source_id)`.execute(db);
  await sql`create index search_entries_by_chatbot on search_entries (chatbot_id)`.execute(db);
  await sql`
    create table search_totals (
      chatbot_id text primary key not null,
      passages integer not null,
      terms integer not null
    ) without rowid`.execute(db);
  // The FTS5 table is contentless, because search_entries has the terms. The ascii tokenizer splits only at the spaces
  // between terms, because all characters of a term are letters, digits or beyond ASCII.
  await sql`create virtual table search_index using fts5 (terms, content = '', tokenize = 'ascii')`.execute(db);
  await sql`create virtual table search_vocabulary using fts5vocab (search_index, row)`.execute(db);
}

async function add(trx: Queryable, entries: readonly IndexEntry[]): Promise<void> {
  for await (const batch of yieldBatches(entries, ({ terms }) => terms.length + ENTRY_WEIGHT, MAX_BATCH_WEIGHT)) {
    const rows = JSON.stringify(batch.map(toEntryRow));
    const { rows: lastIds } = await sql<{ id: number | null }>`select max(id) as id from search_entries`.execute(trx);
    await sql`
      insert into search_entries (passage_id, account_id, chatbot_id, source_id, terms, length)
      select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 from json_each(${rows})
    `.execute(trx);
    const isNew = sql`id > ${lastIds[0]?.id ?? 0}`;
    await sql`
      insert into search_index (rowid, terms) select id, ${PREFIXED_TERMS} from search_entries where ${isNew}
    `.execute(trx);
    await sql`
      insert into search_totals
      select chatbot_id, count(*), sum(length) from search_entries where ${isNew} group by chatbot_id
      on conflict do update set passages = passages + excluded.passages, terms = terms + excluded.terms
    `.execute(trx);
  }
}

async function remove(trx: Queryable, accountId: string, owner: 'source' | 'chatbot', id: string): Promise<void> {
  const condition = sql`account_id = ${accountId} and ${sql.ref(`${owner}_id`)} = ${id}`;
  // Contentless FTS5 deletes a row only with exactly the text that was indexed.
  await sql`
    insert into search_index (search_index, rowid, terms)
    select 'delete', id, ${PREFIXED_TERMS} from search_entries where ${condition}
  `.execute(trx);
  await sql`
    insert into search_totals
    select chatbot_id, -count(*), -sum(length) from search_entries where ${condition} group by chatbot_id
    on conflict do update set passages = passages + excluded.passages, terms = terms + excluded.terms
  `.execute(trx);
  await sql`delete from search_entries where ${condition}`.execute(trx);
}

const TERM_PREFIX = sql`replace(chatbot_id, '-', '')`;
/** `search_entries.terms` in their indexed form: each term with the chatbot's id as its prefix. */
const PREFIXED_TERMS = sql`
  case terms when '' then '' else ${TERM_PREFIX} || replace(terms, ' ', ' ' || ${TERM_PREFIX}) end`;

function termPrefixOf(chatbotId: string): string {
  return chatbotId.replaceAll('-', '');
}

function toEntryRow({ passageId, accountId, chatbotId, sourceId, terms }: IndexEntry): unknown[] {
  return [passageId, accountId, chatbotId, sourceId, terms.join(' '), terms.length];
}
