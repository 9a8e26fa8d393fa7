/**
 * The full-text index, and besides `database.ts` the only file that knows the engine's dialect. Words are found by
 * `toTerms` alone: what reaches FTS5 are finished terms, so every engine can be searched by the same ones.
 *
 * Each indexed term starts with the id of its chatbot. A search therefore walks only that chatbot's postings, and the
 * vocabulary counts each term per chatbot. FTS5's own ranking knows the total of all rows, so it only picks candidates.
 */
import { type Kysely, sql } from 'kysely';
import type { Passage, SourceType } from '../domain/entities.ts';
import { toTerms } from '../domain/terms.ts';
import { toPassage } from './passages.ts';
import type { PassageRow, Queryable } from './tables.ts';

/** A passage to be made findable. */
export interface SearchEntry {
  readonly passage: Passage;
  /** The title of its source; its words and those of the headings count like words of the text. */
  readonly sourceTitle: string;
}

/** A passage that holds at least one of the terms, with what is needed to score and to show it. */
export interface Candidate {
  readonly passage: Passage;
  readonly title: string;
  readonly url: string | null;
  readonly sourceType: SourceType;
  /** What was indexed for it: the terms of `title > headings`, then those of the text. */
  readonly terms: readonly string[];
}

/** What a chatbot's sources have on some terms. */
export interface Candidates {
  /** The likeliest passages in no particular order. */
  readonly candidates: readonly Candidate[];
  /** How many passages the chatbot has. */
  readonly passageCount: number;
  /** How many terms its passages hold on average; 0 when there are none. */
  readonly averageLength: number;
  /** For each term asked for, how many of the chatbot's passages hold it. */
  readonly frequencies: ReadonlyMap<string, number>;
}

/** Up to this many passages every term takes part in the search: nothing can be slow, and any word may decide. */
const SMALL_CORPUS = 1_000;

/**
 * About as many matches as may be ranked in a larger one, at a microsecond each: its most frequent terms are left out.
 * Questions of eight words at 100,000 passages: p50 8 ms, p95 14 ms.
 */
const MAX_MATCHES = 5_000;

/** Terms that are searched for however frequent they are. */
const MIN_TERMS = 2;

const BATCH_SIZE = 500;

/** Creates the index and its side tables; part of the first migration. */
export async function createSearchIndex(db: Kysely<unknown>): Promise<void> {
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
  // Contentless, as the terms are in search_entries. The ascii tokenizer splits at the spaces between terms and
  // nowhere else: any other character of a term is a letter, a digit or beyond ASCII.
  await sql`create virtual table search_index using fts5 (terms, content = '', tokenize = 'ascii')`.execute(db);
  await sql`create virtual table search_vocabulary using fts5vocab (search_index, row)`.execute(db);
}

/** Makes passages findable, in the transaction that writes their rows. They must not be indexed yet. */
export async function indexPassages(trx: Queryable, entries: readonly SearchEntry[]): Promise<void> {
  for (let start = 0; start < entries.length; start += BATCH_SIZE) {
    const rows = JSON.stringify(entries.slice(start, start + BATCH_SIZE).map(toEntryRow));
    const { rows: before } = await sql<{ id: number | null }>`select max(id) as id from search_entries`.execute(trx);
    await sql`
      insert into search_entries (passage_id, account_id, chatbot_id, source_id, terms, length)
      select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 from json_each(${rows})
    `.execute(trx);
    const isNew = sql`id > ${before[0]?.id ?? 0}`;
    await sql`insert into search_index (rowid, terms) select id, ${TAGGED_TERMS} from search_entries where ${isNew}`.execute(
      trx,
    );
    await sql`
      insert into search_totals
      select chatbot_id, count(*), sum(length) from search_entries where ${isNew} group by chatbot_id
      on conflict do update set passages = passages + excluded.passages, terms = terms + excluded.terms
    `.execute(trx);
  }
}

/** Takes all passages of a source out of the index; none is fine. Independent of whether their rows still exist. */
export async function unindexSource(trx: Queryable, accountId: string, sourceId: string): Promise<void> {
  await unindex(trx, sql`account_id = ${accountId} and source_id = ${sourceId}`);
}

/** Takes all passages of a chatbot out of the index; none is fine. Independent of whether their rows still exist. */
export async function unindexChatbot(trx: Queryable, accountId: string, chatbotId: string): Promise<void> {
  await unindex(trx, sql`account_id = ${accountId} and chatbot_id = ${chatbotId}`);
}

/**
 * Finds the passages of a chatbot that hold any of `terms`, at most `limit`, those ahead of the rest by BM25 with
 * frequent terms left out where they would make the search slow. `terms` must come from `toTerms` or `toQueryTerms`.
 */
export async function findCandidates(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  terms: readonly string[],
  limit = 50,
): Promise<Candidates> {
  const { passageCount, averageLength } = await readTotals(db, chatbotId);
  const frequencies = await countTerms(db, chatbotId, terms);
  const searched = chooseTerms(frequencies, passageCount);
  const candidates = searched.length > 0 ? await match(db, accountId, chatbotId, searched, limit) : [];
  return { candidates, passageCount, averageLength, frequencies };
}

/** `search_entries.terms` the way they are indexed: each behind the chatbot's id. */
const CHATBOT_TAG = sql`replace(chatbot_id, '-', '')`;
const TAGGED_TERMS = sql`case terms when '' then '' else ${CHATBOT_TAG} || replace(terms, ' ', ' ' || ${CHATBOT_TAG}) end`;

function tagOf(chatbotId: string): string {
  return chatbotId.replaceAll('-', '');
}

function toEntryRow({ passage, sourceTitle }: SearchEntry): unknown[] {
  const terms = toTerms([sourceTitle, ...passage.headingPath, passage.text].join('\n'));
  return [passage.id, passage.accountId, passage.chatbotId, passage.sourceId, terms.join(' '), terms.length];
}

async function unindex(trx: Queryable, condition: ReturnType<typeof sql>): Promise<void> {
  // Contentless FTS5 forgets a row when given exactly the text that it was indexed with.
  await sql`
    insert into search_index (search_index, rowid, terms)
    select 'delete', id, ${TAGGED_TERMS} from search_entries where ${condition}
  `.execute(trx);
  await sql`
    insert into search_totals
    select chatbot_id, -count(*), -sum(length) from search_entries where ${condition} group by chatbot_id
    on conflict do update set passages = passages + excluded.passages, terms = terms + excluded.terms
  `.execute(trx);
  await sql`delete from search_entries where ${condition}`.execute(trx);
}

async function readTotals(db: Queryable, chatbotId: string) {
  const { rows } = await sql<{ passages: number; terms: number }>`
    select passages, terms from search_totals where chatbot_id = ${chatbotId}`.execute(db);
  const { passages = 0, terms = 0 } = rows[0] ?? {};
  return { passageCount: passages, averageLength: terms / Math.max(passages, 1) };
}

async function countTerms(db: Queryable, chatbotId: string, terms: readonly string[]): Promise<Map<string, number>> {
  const frequencies = new Map(terms.map((term) => [term, 0]));
  if (frequencies.size === 0) return frequencies;
  const tag = tagOf(chatbotId);
  const { rows } = await sql<{ term: string; doc: number }>`
    select term, doc from search_vocabulary where term in (${sql.join(terms.map((term) => tag + term))})`.execute(db);
  for (const { term, doc } of rows) frequencies.set(term.slice(tag.length), doc);
  return frequencies;
}

/** The rarest terms first, until they match too much together. */
function chooseTerms(frequencies: ReadonlyMap<string, number>, passageCount: number): string[] {
  const found = [...frequencies].filter(([, count]) => count > 0).sort(([, a], [, b]) => a - b);
  let matches = 0;
  return found
    .filter(([, count], index) => {
      matches += count;
      return passageCount <= SMALL_CORPUS || index < MIN_TERMS || matches <= MAX_MATCHES;
    })
    .map(([term]) => term);
}

interface CandidateRow extends PassageRow {
  title: string;
  url: string | null;
  type: SourceType;
  terms: string;
}

/**
 * Terms hold no quotes and stand in quotes, so nothing in them is syntax to FTS5. Cross joins keep their order: left to
 * itself the planner begins with all passages of the account.
 */
async function match(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  terms: readonly string[],
  limit: number,
): Promise<Candidate[]> {
  const tag = tagOf(chatbotId);
  const expression = terms.map((term) => `"${tag}${term}"`).join(' OR ');
  const { rows } = await sql<CandidateRow>`
    select p.*, s.title, s.url, s.type, e.terms
    from (select rowid from search_index where search_index match ${expression} order by rank limit ${limit}) as found
    cross join search_entries as e on e.id = found.rowid
    cross join passages as p on p.id = e.passage_id
    cross join sources as s on s.id = p.source_id
    where p.account_id = ${accountId} and p.chatbot_id = ${chatbotId}
  `.execute(db);
  return rows.map((row) => ({
    passage: toPassage(row),
    title: row.title,
    url: row.url,
    sourceType: row.type,
    terms: row.terms === '' ? [] : row.terms.split(' '),
  }));
}
