import type { Generated } from 'kysely';

/** A row of search_corpora: the totals of a chatbot's passages in the search index. */
export interface SearchCorpusRow {
  /** Shorter than the chatbot's id, because every row of postings repeats it. */
  id: Generated<number>;
  chatbot_id: string;
  account_id: string;
  passages: number;
  /** The number of words of all passages. */
  terms: number;
  /** The slot of the next passage. */
  next_slot: number;
}

/** A row of search_entries: a passage in the search index. */
export interface SearchEntryRow {
  corpus_id: number;
  slot: number;
  passage_id: string;
  source_id: string;
  /** The terms of its words in the order of the text, then those of parts of words, separated by spaces. */
  terms: string;
}

/** A row of search_postings: the passages of one segment that contain a term. `postings.ts` describes the bytes. */
export interface SearchPostingsRow {
  corpus_id: number;
  term: string;
  segment: number;
  data: Uint8Array;
}
