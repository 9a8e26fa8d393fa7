/** Reads of the inverted index. Its queries are planned once on each connection, because every question runs them. */
import { type RawBuilder, sql } from 'kysely';
import { isPostgres } from '../engines/engine.ts';
import { prepareQuery } from '../engines/prepared.ts';
import type { Queryable } from '../tables.ts';
import type { SegmentPostings, TermPostings } from './bm25.ts';
import { POSTING_BYTES } from './postings.ts';
import { findKeptPostings, keepPostings } from './postings-cache.ts';

/** The corpus of a chatbot. All its numbers are exact. */
export interface Corpus {
  readonly id: number;
  /** The number of passages. */
  readonly passages: number;
  /** The number of words of all passages. */
  readonly terms: number;
  /**
   * Different after every change: an addition raises the next slot, and a removal lowers the number of passages. A deleted
   * corpus may leave its id to another, but not its chatbot.
   */
  readonly version: string;
}

/** Finds the corpus of a chatbot of the account; undefined if it has never had a passage. */
export async function findCorpus(db: Queryable, accountId: string, chatbotId: string): Promise<Corpus | undefined> {
  const [corpus] = await FIND_CORPUS(db, [chatbotId, accountId]);
  if (corpus === undefined) return undefined;
  const { id, passages, terms, next_slot } = corpus;
  return { id, passages, terms, version: [chatbotId, next_slot, passages].join(' ') };
}

const FIND_CORPUS = prepareQuery((db) =>
  db
    .selectFrom('search_corpora')
    .select(['id', 'passages', 'terms', 'next_slot'])
    .where('chatbot_id', '=', '')
    .where('account_id', '=', ''),
);

/** Counts the passages that contain each of some terms. The result lacks terms that no passage contains. */
export async function countStoredTerms(
  db: Queryable,
  corpus: Corpus,
  terms: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (terms.length === 0) return new Map();
  const rows = await COUNT_TERMS(db, [toParameter(db, terms), corpus.id]);
  return new Map(rows.map(({ term, bytes }) => [term, bytes / POSTING_BYTES]));
}

const COUNT_TERMS = prepareQuery<{ term: string; bytes: number }>((db) => ({
  compile: () =>
    sql<{ term: string; bytes: number }>`
      select p.term, sum(length(p.data)) as bytes
      from ${givenTerms(db)} as given
      cross join search_postings as p
      where p.corpus_id = cast(${0} as integer) and p.term = given.term
      group by p.term
    `.compile(db),
}));

/** Reads the postings of all given terms; those that no passage contains have none. */
export async function readTermPostings(
  db: Queryable,
  corpus: Corpus,
  terms: readonly string[],
): Promise<ReadonlyMap<string, TermPostings>> {
  const found = new Map<string, TermPostings>();
  for (const term of terms) {
    const kept = findKeptPostings(db, corpus.version, term);
    if (kept !== undefined) found.set(term, kept);
  }
  const others = terms.filter((term) => !found.has(term));
  const rows = others.length > 0 ? await READ_TERMS(db, [corpus.id, toParameter(db, others)]) : [];
  for (const { term, data } of rows) {
    const postings = splitSegments(term, data);
    keepPostings(db, corpus.version, term, postings);
    found.set(term, postings);
  }
  return found;
}

interface TermRow {
  readonly term: string;
  /** All segments, each as its number, the length of its postings, and these; in SQLite as hexadecimal digits. */
  readonly data: Buffer | string | null;
}

/** Aggregates the segments of a term, because a row for each would take longer to receive than to read. */
const READ_TERMS = prepareQuery<TermRow>((db) => ({
  compile: () =>
    sql<TermRow>`
      select given.term, (
        select ${isPostgres(db) ? SEGMENTS_ON_POSTGRES : SEGMENTS_ON_SQLITE} from search_postings as p
        where p.corpus_id = cast(${0} as integer) and p.term = given.term
      ) as data
      from ${givenTerms(db)} as given
    `.compile(db),
}));

const SEGMENTS_ON_POSTGRES = sql`string_agg(int4send(p.segment) || int4send(length(p.data)) || p.data, '')`;
const SEGMENTS_ON_SQLITE = sql`group_concat(printf('%08x%08x', p.segment, length(p.data)) || hex(p.data), '')`;
const INTEGER_BYTES = 4;

function splitSegments(term: string, encoded: TermRow['data']): TermPostings {
  const data = typeof encoded === 'string' ? Buffer.from(encoded, 'hex') : (encoded ?? Buffer.alloc(0));
  const postings: SegmentPostings[] = [];
  let bytes = 0;
  for (let at = 0; at < data.length; ) {
    const segment = data.readInt32BE(at);
    const length = data.readInt32BE(at + INTEGER_BYTES);
    const start = at + 2 * INTEGER_BYTES;
    at = start + length;
    bytes += length;
    postings.push({ term, segment, data: data.subarray(start, at) });
  }
  return { count: bytes / POSTING_BYTES, postings };
}

/** The maximum number of terms that `listStoredTerms` returns, and of rows that it reads. */
const MAX_LISTED = 2_000;
const MAX_READ_ROWS = 5_000;

/** Lists the terms of a corpus that start with a prefix of at least one letter, in alphabetical order. */
export async function listStoredTerms(db: Queryable, corpus: Corpus, prefix: string): Promise<string[]> {
  const rows = await db
    .selectFrom((eb) =>
      eb
        .selectFrom('search_postings')
        .select('term')
        .where('corpus_id', '=', corpus.id)
        .where('term', '>=', prefix)
        .where('term', '<', `${prefix}\u{10ffff}`)
        .orderBy('term')
        .limit(MAX_READ_ROWS)
        .as('rows'),
    )
    .select('term')
    .distinct()
    .orderBy('term')
    .limit(MAX_LISTED)
    .execute();
  return rows.map(({ term }) => term);
}

/** A table with the column term, from the parameter that `toParameter` returns. */
function givenTerms(db: Queryable): RawBuilder<unknown> {
  return isPostgres(db)
    ? sql`(select unnest(cast(${[]} as text[])) collate "C" as term)`
    : sql`(select value as term from json_each(${'[]'}))`;
}

/** One parameter for any number of terms, so that the statement is always the same. */
function toParameter(db: Queryable, terms: readonly string[]): unknown {
  return isPostgres(db) ? terms : JSON.stringify(terms);
}
