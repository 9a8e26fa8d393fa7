/**
 * The full-text index on Postgres: a table of postings, ranked by BM25, as its own `ts_rank` finds less. A term has a
 * number of its own in each chatbot, so a search walks only that chatbot's postings.
 */
import { type Kysely, sql } from 'kysely';
import type { Queryable } from './tables.ts';
import type { IndexEntry, MatchRow, TextIndex } from './text-index.ts';

/** BM25's usual constants. Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009. */
const K1 = sql.lit(1.2);
const B = sql.lit(0.75);

/** Words in tables. */
export const postgresIndex: TextIndex = {
  create,
  add,
  remove,

  async readTotals(db, chatbotId) {
    const { rows } = await sql<{ passages: number; terms: number }>`
      select passages, terms from search_totals where chatbot_id = ${chatbotId}`.execute(db);
    return rows[0] ?? { passages: 0, terms: 0 };
  },

  async countTerms(db, chatbotId, terms) {
    const { rows } = await sql<{ term: string; count: number }>`
      select term, passages as count from search_terms
      where chatbot_id = ${chatbotId} and term = any(${[...terms]})`.execute(db);
    return rows;
  },

  async match(db, accountId, chatbotId, terms, limit) {
    const { rows } = await sql<MatchRow>`
      with likeliest as (
        select found.entry_id
        from search_totals as total
        join search_terms as term on term.chatbot_id = total.chatbot_id
        join search_postings as found on found.term_id = term.id
        where total.chatbot_id = ${chatbotId} and term.term = any(${[...terms]})
        group by found.entry_id
        order by sum(
          ln(1 + (total.passages - term.passages + 0.5::float8) / (term.passages + 0.5::float8)) * found.count
          / (found.count + ${K1} * (1 - ${B} + ${B} * found.length * total.passages / total.terms::float8))
        ) desc, found.entry_id
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
      terms text not null,
      length integer not null
    )`.execute(db);
  await sql`create index search_entries_by_source on search_entries (source_id)`.execute(db);
  await sql`create index search_entries_by_chatbot on search_entries (chatbot_id)`.execute(db);
  // The length is the passage's: all that ranking needs is in the index, in the order of the search.
  await sql`
    create table search_postings (
      term_id bigint not null,
      entry_id bigint not null,
      count integer not null,
      length integer not null,
      primary key (term_id, entry_id) include (count, length)
    )`.execute(db);
}

async function add(trx: Queryable, entries: readonly IndexEntry[]): Promise<void> {
  for (const [chatbotId, added] of Map.groupBy(entries, (entry) => entry.chatbotId)) {
    await waitLonger(trx);
    // First, and so held to the end: those who index for the same chatbot do so one after the other.
    await sql`
      insert into search_totals as total
      values (${chatbotId}, ${added.length}, ${added.reduce((sum, { terms }) => sum + terms.length, 0)})
      on conflict (chatbot_id) do update
      set passages = total.passages + excluded.passages, terms = total.terms + excluded.terms
    `.execute(trx);
    const columns = [
      sql`${added.map(({ passageId }) => passageId)}::text[]`,
      sql`${added.map(({ accountId }) => accountId)}::text[]`,
      sql`${added.map(({ sourceId }) => sourceId)}::text[]`,
      sql`${added.map(({ terms }) => terms.join(' '))}::text[]`,
      sql`${added.map(({ terms }) => terms.length)}::integer[]`,
    ];
    const { rows } = await sql<{ id: number }>`
      insert into search_entries (chatbot_id, passage_id, account_id, source_id, terms, length)
      select ${chatbotId}, * from unnest(${sql.join(columns)})
      returning id
    `.execute(trx);
    const isAdded = sql`e.id = any(${rows.map(({ id }) => id)}::bigint[])`;
    await sql`
      insert into search_terms as known (chatbot_id, term, passages)
      select ${chatbotId}, word, count(distinct e.id) from ${WORDS} where ${isAdded} group by word
      on conflict (chatbot_id, term) do update set passages = known.passages + excluded.passages
    `.execute(trx);
    await sql`
      insert into search_postings (term_id, entry_id, count, length)
      select t.id, e.id, count(*), e.length
      from ${WORDS} join search_terms as t on t.chatbot_id = e.chatbot_id and t.term = word
      where ${isAdded} group by t.id, e.id
    `.execute(trx);
  }
}

async function remove(trx: Queryable, accountId: string, of: 'source' | 'chatbot', id: string): Promise<void> {
  const condition = sql`e.account_id = ${accountId} and ${sql.ref(`e.${of}_id`)} = ${id}`;
  await waitLonger(trx);
  await sql`
    select from search_totals where chatbot_id in (select chatbot_id from search_entries as e where ${condition})
    order by chatbot_id for update
  `.execute(trx);
  await sql`
    delete from search_postings as p
    using ${WORDS} join search_terms as t on t.chatbot_id = e.chatbot_id and t.term = word
    where ${condition} and p.term_id = t.id and p.entry_id = e.id
  `.execute(trx);
  await sql`
    update search_terms as t set passages = t.passages - gone.passages
    from (
      select e.chatbot_id, word as term, count(distinct e.id) as passages
      from ${WORDS} where ${condition} group by e.chatbot_id, word
    ) as gone
    where t.chatbot_id = gone.chatbot_id and t.term = gone.term
  `.execute(trx);
  const chatbots = sql`(select chatbot_id from search_entries as e where ${condition})`;
  await sql`delete from search_terms where passages = 0 and chatbot_id in ${chatbots}`.execute(trx);
  await sql`
    update search_totals as total set passages = total.passages - gone.passages, terms = total.terms - gone.terms
    from (
      select chatbot_id, count(*) as passages, sum(length) as terms
      from search_entries as e where ${condition} group by chatbot_id
    ) as gone
    where total.chatbot_id = gone.chatbot_id
  `.execute(trx);
  await sql`delete from search_entries as e where ${condition}`.execute(trx);
}

/** The words of entries, each as often as it stands there. */
const WORDS = sql`search_entries as e cross join lateral unnest(string_to_array(e.terms, ' ')) as word`;

/** Much text takes its time to index, and those that wait for it may wait as long as one statement may take. */
async function waitLonger(trx: Queryable): Promise<void> {
  await sql`set local lock_timeout = 0`.execute(trx);
}
