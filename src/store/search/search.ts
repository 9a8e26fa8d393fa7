/**
 * Full-text search over each engine's own index. Only `toTerms` splits texts into words: an index receives normalized
 * terms, so a search finds the same terms on every engine. An index only selects candidates; the caller scores them
 * again.
 */
import { type Kysely, sql } from 'kysely';
import type { Passage, SourceType } from '../../domain/entities.ts';
import { isPostgres } from '../engines/engine.ts';
import type { Queryable } from '../tables.ts';
import { toPassage } from './passages.ts';
import { postgresIndex } from './postgres.ts';
import { sqliteIndex } from './sqlite.ts';
import type { IndexEntry, MatchRow, TextIndex } from './text-index.ts';

/** A passage with at least one of the terms, and what scoring and showing it needs. */
export interface Candidate {
  readonly passage: Passage;
  readonly title: string;
  readonly url: string | null;
  readonly sourceType: SourceType;
  /** The terms indexed for it: those of `title > headings`, then those of the text. */
  readonly terms: readonly string[];
}

/** How some terms occur in a chatbot's sources. */
export interface Candidates {
  /** The most likely passages, in no particular order. */
  readonly candidates: readonly Candidate[];
  /** How many passages the chatbot has. */
  readonly passageCount: number;
  /** How many terms a passage has on average; 0 without passages. */
  readonly averageLength: number;
  /** For each requested term, how many of the chatbot's passages contain it. */
  readonly frequencies: ReadonlyMap<string, number>;
}

/** Up to this number of passages a search uses every term: it is fast anyway, and any word may decide. */
const SMALL_CORPUS = 1_000;

/**
 * The approximate maximum number of matches that a search ranks in a larger corpus, at a microsecond each. The search
 * omits the most frequent terms to stay below it. Questions of eight words at 100,000 passages: p50 8 ms, p95 14 ms.
 */
const MAX_MATCHES = 5_000;

/** The minimum number of terms that a search uses, however frequent they are. */
const MIN_TERMS = 2;

/** Creates the index; part of the first migration. */
export async function createSearchIndex(db: Kysely<unknown>): Promise<void> {
  await indexOf(db).create(db);
}

/** Indexes passages by terms of `toTerms`, in the transaction that writes their rows. They must not be indexed yet. */
export async function addIndexEntries(trx: Queryable, entries: readonly IndexEntry[]): Promise<void> {
  await indexOf(trx).add(trx, entries);
}

/** Removes all passages of a source from the index, whether or not their rows still exist; does nothing without any. */
export async function unindexSource(trx: Queryable, accountId: string, sourceId: string): Promise<void> {
  await indexOf(trx).remove(trx, accountId, 'source', sourceId);
}

/**
 * Removes all passages of a chatbot from the index, whether or not their rows still exist; does nothing without any.
 */
export async function unindexChatbot(trx: Queryable, accountId: string, chatbotId: string): Promise<void> {
  await indexOf(trx).remove(trx, accountId, 'chatbot', chatbotId);
}

/**
 * Finds at most `limit` passages of a chatbot that contain any of `terms`: the best by BM25, without using frequent
 * terms that would make the search slow. `terms` must come from `toTerms` or `toQueryTerms`.
 */
export async function findCandidates(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  terms: readonly string[],
  limit = 50,
): Promise<Candidates> {
  const index = indexOf(db);
  const totals = await readTotals(db, chatbotId);
  const frequencies = new Map(terms.map((term) => [term, 0]));
  const counted = terms.length > 0 ? await index.countTerms(db, chatbotId, terms) : [];
  for (const { term, count } of counted) frequencies.set(term, count);
  const searched = chooseTerms(frequencies, totals.passages);
  const rows = searched.length > 0 ? await index.match(db, accountId, chatbotId, searched, limit) : [];
  return {
    candidates: rows.map(toCandidate),
    passageCount: totals.passages,
    averageLength: totals.terms / Math.max(totals.passages, 1),
    frequencies,
  };
}

/** Returns how many passages a chatbot has, and how many terms they have in total. */
async function readTotals(db: Queryable, chatbotId: string): Promise<{ passages: number; terms: number }> {
  const { rows } = await sql<{ passages: number; terms: number }>`
    select passages, terms from search_totals where chatbot_id = ${chatbotId}`.execute(db);
  return rows[0] ?? { passages: 0, terms: 0 };
}

function indexOf(db: Parameters<typeof isPostgres>[0]): TextIndex {
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

/** Splits the text in which an index stores the terms of a passage. */
export function splitTerms(terms: string): string[] {
  return terms === '' ? [] : terms.split(' ');
}

/** Chooses terms, the rarest first, until they match too many passages in total. */
function chooseTerms(frequencies: ReadonlyMap<string, number>, passageCount: number): string[] {
  const occurring = [...frequencies].filter(([, count]) => count > 0).sort(([, a], [, b]) => a - b);
  let matches = 0;
  return occurring
    .filter(([, count], index) => {
      matches += count;
      return passageCount <= SMALL_CORPUS || index < MIN_TERMS || matches <= MAX_MATCHES;
    })
    .map(([term]) => term);
}
