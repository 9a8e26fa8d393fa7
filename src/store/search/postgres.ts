/**
 * The full-text index on Postgres: a table of postings. BM25 selects the candidates, because Postgres' own `ts_rank`
 * finds fewer relevant passages; `retrieve` in `src/answer` ranks them. A term has a separate id in each chatbot, so a
 * search reads only that chatbot's postings. The entries of a source that one call adds are a block. The postings of
 * one term in one block are one row with three lists of the same length: the ids of the entries, how often the term
 * occurs in each entry, and how many terms each entry has.
 */
import { type Kysely, sql } from 'kysely';
import type { Queryable } from '../tables.ts';
import type { IndexEntry, MatchRow, TextIndex } from './text-index.ts';

/** BM25's usual constants. Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009. */
const K1 = sql.lit(1.2);
const B = sql.lit(0.75);

/** The index as a table of postings. */
export const postgresIndex: TextIndex = {
  create,
  add,
  remove,

  async countTerms(db, chatbotId, terms) {
    const { rows } = await sql<{ term: string; count: number }>`
      select term, passages as count from search_terms
      where chatbot_id = ${chatbotId} and term = any(${[...terms]})`.execute(db);
    return rows;
  },

  async match(db, accountId, chatbotId, terms, limit) {
    const { rows } = await sql<MatchRow>`
      with likeliest as (
        select posting.entry_id
        from search_totals as total
        join search_terms as term on term.chatbot_id = total.chatbot_id
        cross join lateral (${POSTINGS}) as found
        cross join lateral unnest(found.entries, found.counts, found.lengths) as posting(entry_id, count, length)
        where total.chatbot_id = ${chatbotId} and term.term = any(${[...terms]})
        group by posting.entry_id
        order by sum(
          ln(1 + (total.passages - term.passages + 0.5::float8) / (term.passages + 0.5::float8)) * posting.count
          / (posting.count + ${K1} * (1 - ${B} + ${B} * posting.length * total.passages / total.terms::float8))
        ) desc, posting.entry_id
        limit ${limit}
      )
      select p.*, s.title, s.url, s.type, e.terms
      from likeliest
      join search_entries as e on e.id = likeliest.entry_id
      join passages as p on p.id = e.passage_id
      join sources as s on s.id = p.source_id
      where p.account_id = ${accountId} and p.chatbot_id = ${chatbotId}
    `.execute(db);
    return rows;
  },
};

/** Without `offset`, a planner without statistics would read and join the whole table. */
const POSTINGS = sql`select entries, counts, lengths from search_postings where term_id = term.id offset 0`;

async function create(db: Kysely<unknown>): Promise<void> {
  const text = sql`text collate "C" not null`;
  await sql`
    create table search_totals (
      chatbot_id ${text} primary key,
      passages bigint not null,
      terms bigint not null
    )`.execute(db);
  await sql`
    create table search_terms (
      id bigint generated always as identity primary key,
      chatbot_id ${text},
      term ${text},
      passages integer not null,
      unique (chatbot_id, term)
    )`.execute(db);
  await sql`create index search_terms_unused on search_terms (chatbot_id) where passages = 0`.execute(db);
  await sql`
    create table search_entries (
      id bigint generated always as identity primary key,
      passage_id ${text} unique,
      account_id ${text},
      chatbot_id ${text},
      source_id ${text},
      block bigint not null,
      terms text not null,
      length integer not null
    )`.execute(db);
  await sql`create index search_entries_by_source on search_entries (source_id)`.execute(db);
  await sql`create index search_entries_by_chatbot on search_entries (chatbot_id)`.execute(db);
  await sql`create sequence search_blocks`.execute(db);
  await sql`
    create table search_postings (
      term_id bigint not null,
      block bigint not null,
      entries bigint[] not null,
      counts integer[] not null,
      lengths integer[] not null,
      primary key (term_id, block)
    )`.execute(db);
  await sql`create index search_postings_by_block on search_postings (block)`.execute(db);
}

async function add(trx: Queryable, entries: readonly IndexEntry[]): Promise<void> {
  const entriesBySource = Map.groupBy(entries, ({ sourceId }) => sourceId);
  for (const sourceEntries of entriesBySource.values()) await addSource(trx, sourceEntries);
}

async function addSource(trx: Queryable, entries: readonly IndexEntry[]): Promise<void> {
  const [{ accountId, chatbotId, sourceId } = throwNoRow()] = entries;
  const length = entries.reduce((sum, { terms }) => sum + terms.length, 0);
  await disableLockTimeout(trx);
  // This statement comes first: its row lock makes transactions that index passages of the same chatbot run one after
  // another.
  await sql`
    insert into search_totals as total values (${chatbotId}, ${entries.length}, ${length})
    on conflict (chatbot_id) do update
    set passages = total.passages + excluded.passages, terms = total.terms + excluded.terms
  `.execute(trx);
  const { rows } = await sql<{ block: number }>`select nextval('search_blocks') as block`.execute(trx);
  const { block } = rows[0] ?? throwNoRow();
  const texts = entries.map(({ terms }) => terms.join(' '));
  await sql`
    insert into search_entries (account_id, chatbot_id, source_id, block, passage_id, terms, length)
    select ${accountId}, ${chatbotId}, ${sourceId}, ${block}, * from unnest(
      ${entries.map(({ passageId }) => passageId)}::text[],
      ${texts}::text[],
      ${entries.map(({ terms }) => terms.length)}::integer[]
    )
  `.execute(trx);
  await sql`
    with words as materialized (
      select e.id, e.length, word, count(*) as count
      from search_entries as e cross join lateral unnest(string_to_array(e.terms, ' ')) as word
      where e.source_id = ${sourceId} and e.block = ${block}
      group by e.id, word
    ), numbered as (
      insert into search_terms as known (chatbot_id, term, passages)
      select ${chatbotId}, word, count(*) from words group by word
      on conflict (chatbot_id, term) do update set passages = known.passages + excluded.passages
      returning id, term
    )
    insert into search_postings (term_id, block, entries, counts, lengths)
    select numbered.id, ${block}, array_agg(words.id), array_agg(words.count), array_agg(words.length)
    from words join numbered on numbered.term = words.word
    group by numbered.id
  `.execute(trx);
}

async function remove(trx: Queryable, accountId: string, owner: 'source' | 'chatbot', id: string): Promise<void> {
  const condition = sql`account_id = ${accountId} and ${sql.ref(`${owner}_id`)} = ${id}`;
  await disableLockTimeout(trx);
  const chatbots = sql`(select chatbot_id from search_entries where ${condition})`;
  await sql`select from search_totals where chatbot_id in ${chatbots} order by chatbot_id for update`.execute(trx);
  const blocks = sql`(select block from search_entries where ${condition})`;
  await sql`
    with deleted as (
      delete from search_postings where block in ${blocks} returning term_id, cardinality(entries) as passages
    )
    update search_terms as term set passages = term.passages - decrease.passages
    from (select term_id, sum(passages) as passages from deleted group by term_id) as decrease
    where term.id = decrease.term_id
  `.execute(trx);
  await sql`delete from search_terms where passages = 0 and chatbot_id in ${chatbots}`.execute(trx);
  await sql`
    with deleted as (delete from search_entries where ${condition} returning chatbot_id, length), decrease as (
      select chatbot_id, count(*) as passages, sum(length) as terms from deleted group by chatbot_id
    )
    update search_totals as total
    set passages = total.passages - decrease.passages, terms = total.terms - decrease.terms
    from decrease where total.chatbot_id = decrease.chatbot_id
  `.execute(trx);
}

/** Removes the lock timeout, because another transaction may hold its locks for long while it indexes a large text. */
async function disableLockTimeout(trx: Queryable): Promise<void> {
  await sql`set local lock_timeout = 0`.execute(trx);
}

function throwNoRow(): never {
  throw new Error('A query returned no row.');
}
