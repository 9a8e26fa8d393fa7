/**
 * Full-text search with the index of the database engine. Only `toTerms` splits texts into words: an index receives
 * normalized terms, so a search finds the same terms on both engines. An index only selects candidates; the caller
 * ranks them.
 */
import { type Kysely, sql } from 'kysely';
import type { Passage, SourceType } from '../../domain/entities.ts';
import { isPostgres } from '../engines/engine.ts';
import type { Queryable } from '../tables.ts';
import { toPassage } from './passages.ts';
import { postgresIndex } from './postgres.ts';
import { sqliteIndex } from './sqlite.ts';
import type { IndexEntry, MatchRow, TextIndex } from './text-index.ts';

/** A passage with at least one of the searched terms, and the fields that are needed to rank and cite it. */
export interface Candidate {
  readonly passage: Passage;
  readonly title: string;
  readonly url: string | null;
  readonly sourceType: SourceType;
  /** The indexed terms of the passage: those of the source's title, of the headings, and of the text, in this order. */
  readonly terms: readonly string[];
}

/** The passages of a chatbot that match some terms, with the statistics that are needed to rank them. */
export interface Candidates {
  /** The most likely passages, in no particular order. */
  readonly candidates: readonly Candidate[];
  /** How many passages the chatbot has. */
  readonly passageCount: number;
  /** How many terms a passage has on average; 0 without passages. */
  readonly averageLength: number;
  /** For each requested term, how many of the chatbot's passages contain it. */
  readonly matchCounts: ReadonlyMap<string, number>;
}

/** In a corpus of at most this many passages, a search uses every term, because it is fast anyway. */
const MAX_SMALL_CORPUS = 1_000;

/**
 * The approximate maximum number of matches that a search ranks in a larger corpus, at a microsecond each. To stay
 * below the maximum, the search omits the most frequent terms. Measured with questions of eight words in 100,000
 * passages: p50 8 ms, p95 14 ms.
 */
const MAX_MATCHES = 5_000;

/** The minimum number of terms that a search uses, however frequent they are. */
const MIN_TERMS = 2;

/** Creates the index, in the first migration. */
export async function createSearchIndex(db: Kysely<unknown>): Promise<void> {
  await textIndexOf(db).create(db);
}

/**
 * Adds passages that are not in the index, in the transaction that inserts their rows. Their terms must come from
 * `toTerms`.
 */
export async function addIndexEntries(trx: Queryable, entries: readonly IndexEntry[]): Promise<void> {
  await textIndexOf(trx).add(trx, entries);
}

/** Removes all passages of a source from the index, even if their rows no longer exist. */
export async function unindexSource(trx: Queryable, accountId: string, sourceId: string): Promise<void> {
  await textIndexOf(trx).remove(trx, accountId, 'source', sourceId);
}

/** Removes all passages of a chatbot from the index, even if their rows no longer exist. */
export async function unindexChatbot(trx: Queryable, accountId: string, chatbotId: string): Promise<void> {
  await textIndexOf(trx).remove(trx, accountId, 'chatbot', chatbotId);
}

/**
 * Finds at most `limit` passages of a chatbot that contain any of `terms`: the best by BM25. Ignores frequent terms
 * that would make the search slow. `terms` must come from `toTerms` or `toQueryWords`.
 */
export async function findCandidates(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  terms: readonly string[],
  limit = 50,
): Promise<Candidates> {
  const index = textIndexOf(db);
  const totals = await readTotals(db, chatbotId);
  const matchCounts = new Map(terms.map((term) => [term, 0]));
  const termCounts = terms.length > 0 ? await index.countTerms(db, chatbotId, terms) : [];
  for (const { term, count } of termCounts) matchCounts.set(term, count);
  const searchTerms = chooseTerms(matchCounts, totals.passages);
  const rows = searchTerms.length > 0 ? await index.match(db, accountId, chatbotId, searchTerms, limit) : [];
  return {
    candidates: rows.map(toCandidate),
    passageCount: totals.passages,
    averageLength: totals.terms / Math.max(totals.passages, 1),
    matchCounts,
  };
}

/** Returns how many passages a chatbot has, and how many terms they have in total. */
async function readTotals(db: Queryable, chatbotId: string): Promise<{ passages: number; terms: number }> {
  const { rows } = await sql<{ passages: number; terms: number }>`
    select passages, terms from search_totals where chatbot_id = ${chatbotId}`.execute(db);
  return rows[0] ?? { passages: 0, terms: 0 };
}

function textIndexOf(db: Parameters<typeof isPostgres>[0]): TextIndex {
  return isPostgres(db) ? postgresIndex : sqliteIndex;
}

function toCandidate(row: MatchRow): Candidate {
  return {
    passage: toPassage(row),
    title: row.title,
    url: row.url,
    sourceType: row.type,
    terms: splitTerms(row.terms),
  };
}

/** Splits the stored text with the terms of a passage. */
export function splitTerms(terms: string): string[] {
  return terms === '' ? [] : terms.split(' ');
}

/** Chooses terms, the rarest first, as long as they do not match too many passages in total. */
function chooseTerms(matchCounts: ReadonlyMap<string, number>, passageCount: number): string[] {
  const occurring = [...matchCounts].filter(([, count]) => count > 0).sort(([, a], [, b]) => a - b);
  let matches = 0;
  return occurring
    .filter(([, count], index) => {
      matches += count;
      return passageCount <= MAX_SMALL_CORPUS || index < MIN_TERMS || matches <= MAX_MATCHES;
    })
    .map(([term]) => term);
}
