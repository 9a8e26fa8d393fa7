import type { Kysely } from 'kysely';
import type { SourceType } from '../../domain/entities.ts';
import type { PassageRow, Queryable } from '../tables.ts';

/** A passage to index: `terms` are normalized, repetitions included. */
export interface IndexEntry {
  readonly passageId: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly sourceId: string;
  readonly terms: readonly string[];
}

/** A matching passage, with its source; `terms` are those indexed for it, separated by spaces. */
export interface MatchRow extends PassageRow {
  readonly title: string;
  readonly url: string | null;
  readonly type: SourceType;
  readonly terms: string;
}

/**
 * A full-text index, in the form that suits the engine. It selects candidates; `retrieve` in `src/answer` orders them.
 * On both engines, `search_totals` contains the totals of each chatbot. All counts are exact, and count one chatbot
 * only.
 */
export interface TextIndex {
  /** Creates its tables; part of the first migration. */
  create(db: Kysely<unknown>): Promise<void>;
  /** Adds passages that are not in the index. */
  add(trx: Queryable, entries: readonly IndexEntry[]): Promise<void>;
  /** Removes all passages of a source or chatbot of the account, whether or not their own rows still exist. */
  remove(trx: Queryable, accountId: string, owner: 'source' | 'chatbot', id: string): Promise<void>;
  /** How many of a chatbot's passages contain each term; terms without a passage may be missing. */
  countTerms(db: Queryable, chatbotId: string, terms: readonly string[]): Promise<{ term: string; count: number }[]>;
  /** The `limit` most likely passages of a chatbot that contain any of the terms, in no particular order. */
  match(
    db: Queryable,
    accountId: string,
    chatbotId: string,
    terms: readonly string[],
    limit: number,
  ): Promise<MatchRow[]>;
}
