/**
 * Full-text search over the engine's own index. Words are found by `toTerms` alone: what reaches an index are finished
 * terms, so every engine is searched by the same ones. An index only picks candidates; who asks scores them again.
 */
import { type Kysely, sql } from 'kysely';
import type { Passage, SourceType } from '../../domain/entities.ts';
import { isPostgres } from '../engines/engine.ts';
import type { Queryable } from '../tables.ts';
import { toPassage } from './passages.ts';
import { postgresIndex } from './postgres.ts';
import { sqliteIndex } from './sqlite.ts';
import type { IndexEntry, MatchRow, TextIndex } from './text-index.ts';

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

/** Creates the index; part of the first migration. */
export async function createSearchIndex(db: Kysely<unknown>): Promise<void> {
  await indexOf(db).create(db);
}

/** Makes passages findable by terms of `toTerms`, in the transaction that writes their rows. They must not be indexed yet. */
export async function addIndexEntries(trx: Queryable, entries: readonly IndexEntry[]): Promise<void> {
  await indexOf(trx).add(trx, entries);
}

/** Takes all passages of a source out of the index; none is fine. Independent of whether their rows still exist. */
export async function unindexSource(trx: Queryable, accountId: string, sourceId: string): Promise<void> {
  await indexOf(trx).remove(trx, accountId, 'source', sourceId);
}

/** Takes all passages of a chatbot out of the index; none is fine. Independent of whether their rows still exist. */
export async function unindexChatbot(trx: Queryable, accountId: string, chatbotId: string): Promise<void> {
  await indexOf(trx).remove(trx, accountId, 'chatbot', chatbotId);
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
  const index = indexOf(db);
  const totals = await readTotals(db, chatbotId);
  const frequencies = new Map(terms.map((term) => [term, 0]));
  const counted = terms.length > 0 ? await index.countTerms(db, chatbotId, terms) : [];
  for (const { term, count } of counted) frequencies.set(term, count);
  const searched = chooseTerms(frequencies, totals.passages);
  const found = searched.length > 0 ? await index.match(db, accountId, chatbotId, searched, limit) : [];
  return {
    candidates: found.map(toCandidate),
    passageCount: totals.passages,
    averageLength: totals.terms / Math.max(totals.passages, 1),
    frequencies,
  };
}

/** How many passages a chatbot has, and how many terms they hold together. */
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

/** The terms of a passage, as an index keeps them in one text. */
export function splitTerms(terms: string): string[] {
  return terms === '' ? [] : terms.split(' ');
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
