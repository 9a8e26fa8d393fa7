import { LRUCache } from 'lru-cache';
import type { Queryable } from '../tables.ts';
import type { TermPostings } from './bm25.ts';

/**
 * In bytes: the memory of the lists of one database, over all chatbots. It holds the lists of the most frequent words of
 * about ten chatbots with 100,000 passages.
 */
const MAX_BYTES = 32 * 2 ** 20;

/** In passages: shorter lists are read as fast as they are found. */
const MIN_COUNT = 500;

/** In bytes, of a list's segment beside its postings. */
const SEGMENT_OVERHEAD = 200;

/** The long lists of a database. */
const CACHES = new WeakMap<Queryable, LRUCache<string, TermPostings>>();

/**
 * Finds a list that `keepPostings` has kept. Questions repeat the frequent words of a chatbot, whose lists take the
 * longest to read.
 * @param version changes with every change of the corpus, also by other processes.
 */
export function findKeptPostings(db: Queryable, version: string, term: string): TermPostings | undefined {
  return CACHES.get(db)?.get(`${version} ${term}`);
}

/** Keeps a list for later searches if it is long. Keeps nothing that a transaction reads, which may roll back. */
export function keepPostings(db: Queryable, version: string, term: string, found: TermPostings): void {
  if (found.count < MIN_COUNT || db.isTransaction) return;
  let cache = CACHES.get(db);
  if (cache === undefined) {
    cache = new LRUCache({ maxSize: MAX_BYTES, sizeCalculation: sizeOf });
    CACHES.set(db, cache);
  }
  cache.set(`${version} ${term}`, found);
}

function sizeOf({ postings = [] }: TermPostings): number {
  return postings.reduce((sum, { data }) => sum + data.length + SEGMENT_OVERHEAD, SEGMENT_OVERHEAD);
}
