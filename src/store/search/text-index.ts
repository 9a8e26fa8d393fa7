import type { Kysely } from 'kysely';
import type { SourceType } from '../../domain/entities.ts';
import type { PassageRow, Queryable } from '../tables.ts';

/** A passage as it is indexed: `terms` are finished ones, repetitions included. */
export interface IndexEntry {
  readonly passageId: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly sourceId: string;
  readonly terms: readonly string[];
}

/** A passage that matches, with its source; `terms` are those that were indexed for it, with spaces between. */
export interface MatchRow extends PassageRow {
  readonly title: string;
  readonly url: string | null;
  readonly type: SourceType;
  readonly terms: string;
}

/**
 * An index of words, as each engine has its own; what a chatbot's passages come to stands in `search_totals` on each. All
 * its counts are those of one chatbot, and exact.
 */
export interface TextIndex {
  /** Makes its tables; part of the first migration. */
  create(db: Kysely<unknown>): Promise<void>;
  /** Adds passages that are not in it. */
  add(trx: Queryable, entries: readonly IndexEntry[]): Promise<void>;
  /** Takes out all passages of a source or chatbot of the account, whether their own rows still exist or not. */
  remove(trx: Queryable, accountId: string, of: 'source' | 'chatbot', id: string): Promise<void>;
  /** How many of a chatbot's passages hold each of some terms; those that none holds may be missing. */
  countTerms(db: Queryable, chatbotId: string, terms: readonly string[]): Promise<{ term: string; count: number }[]>;
  /** The passages of a chatbot that hold any of some terms, the likeliest `limit` of them, in no particular order. */
  match(
    db: Queryable,
    accountId: string,
    chatbotId: string,
    terms: readonly string[],
    limit: number,
  ): Promise<MatchRow[]>;
}
