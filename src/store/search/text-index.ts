import type { Kysely } from 'kysely';
import type { SourceType } from '../../domain/entities.ts';
import type { PassageRow, Queryable } from '../tables.ts';

/** A passage to index; `terms` are all its normalized terms in order, with repetitions. */
export interface IndexEntry {
  readonly passageId: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly sourceId: string;
  readonly terms: readonly string[];
}

/** A matching passage, with fields of its source; `terms` are its indexed terms, separated by spaces. */
export interface MatchRow extends PassageRow {
  readonly title: string;
  readonly url: string | null;
  readonly type: SourceType;
  readonly terms: string;
}

/**
 * A full-text index, with one implementation per engine. It selects candidates; `retrieve` in `src/answer` ranks them.
 * On both engines, `search_totals` contains the totals of each chatbot. All counts are exact, and are per chatbot.
 */
export interface TextIndex {
  /** Creates the tables of the index, in the first migration. */
  create(db: Kysely<unknown>): Promise<void>;
  /** Adds passages that are not in the index. */
  add(trx: Queryable, entries: readonly IndexEntry[]): Promise<void>;
  /** Removes all passages of a source or chatbot of the account, even if their rows no longer exist. */
  remove(trx: Queryable, accountId: string, owner: 'source' | 'chatbot', id: string): Promise<void>;
  /** How many of a chatbot's passages contain each term. A term that no passage contains may be missing. */
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
