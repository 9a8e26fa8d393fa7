/**
 * Full-text search in the passages of a chatbot. Only `src/domain/language` splits texts into words: the index receives
 * normalized terms. The index selects candidates by BM25; `retrieve` in `src/answer` ranks them.
 */
import { sql } from 'kysely';
import type { Passage, SourceType } from '../../domain/entities.ts';
import type { QueryWord } from '../../domain/language/terms.ts';
import type { PassageRow, Queryable } from '../tables.ts';
import { inverseDocumentFrequency, type SearchedWord, selectBest } from './bm25.ts';
import { type Corpus, countTerms, findCorpus, readPostings, splitTerms } from './inverted-index.ts';
import { toPassage } from './passages.ts';

/** A passage with at least one of the searched words, and the fields that are needed to rank and cite it. */
export interface Candidate {
  readonly passage: Passage;
  readonly title: string;
  readonly url: string | null;
  readonly sourceType: SourceType;
  /** The indexed terms of the passage: those of the source's title, of the headings, and of the text, in this order. */
  readonly terms: readonly string[];
}

/** The passages of a chatbot that match some words, with the statistics that are needed to rank them. */
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

/** A candidate as it is read. */
interface CandidateRow extends PassageRow {
  readonly title: string;
  readonly url: string | null;
  readonly type: SourceType;
  readonly terms: string;
}

/**
 * The approximate maximum number of postings that a search reads, at 20 ns each. To stay below it, a search in a large
 * corpus omits the most frequent words.
 */
const MAX_POSTINGS = 200_000;

/** The minimum number of words that a search uses, however frequent they are. */
const MIN_WORDS = 2;

/**
 * Finds at most `limit` passages of a chatbot that contain any of `words`: the best by BM25. In a large corpus, ignores
 * frequent words that would make the search slow.
 */
export async function findCandidates(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  words: readonly QueryWord[],
  limit = 50,
): Promise<Candidates> {
  const terms = words.flatMap((word) => word.terms);
  const corpus = await findCorpus(db, accountId, chatbotId);
  if (corpus === undefined)
    return { candidates: [], passageCount: 0, averageLength: 0, matchCounts: new Map(terms.map((term) => [term, 0])) };
  const counts = await countTerms(db, corpus, terms);
  return {
    candidates: await findBest(db, accountId, corpus, chooseWords(words, counts, corpus), limit),
    passageCount: corpus.passages,
    averageLength: corpus.terms / Math.max(corpus.passages, 1),
    matchCounts: new Map(terms.map((term) => [term, counts.get(term) ?? 0])),
  };
}

/** Chooses words, the rarest first, as long as they do not have too many postings in total. */
function chooseWords(words: readonly QueryWord[], counts: ReadonlyMap<string, number>, corpus: Corpus): SearchedWord[] {
  let postings = 0;
  return words
    .map(({ terms }) => ({ terms, count: terms.reduce((sum, term) => sum + (counts.get(term) ?? 0), 0) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => a.count - b.count)
    .filter(({ count }, index) => {
      postings += count;
      return index < MIN_WORDS || postings <= MAX_POSTINGS;
    })
    .map(({ terms, count }) => ({
      terms,
      weight: inverseDocumentFrequency(Math.min(count, corpus.passages), corpus.passages),
    }));
}

async function findBest(
  db: Queryable,
  accountId: string,
  corpus: Corpus,
  words: readonly SearchedWord[],
  limit: number,
): Promise<Candidate[]> {
  const postings = await readPostings(
    db,
    corpus,
    words.flatMap(({ terms }) => terms),
  );
  const slots = selectBest(postings, words, corpus.terms / Math.max(corpus.passages, 1), limit);
  if (slots.length === 0) return [];
  const { rows } = await sql<CandidateRow>`
    select p.*, s.title, s.url, s.type, e.terms
    from search_entries as e
    cross join passages as p
    cross join sources as s
    where e.corpus_id = ${corpus.id} and e.slot in (${sql.join(slots)})
      and p.id = e.passage_id and p.account_id = ${accountId} and s.id = p.source_id
  `.execute(db);
  return rows.map(toCandidate);
}

function toCandidate(row: CandidateRow): Candidate {
  return {
    passage: toPassage(row),
    title: row.title,
    url: row.url,
    sourceType: row.type,
    terms: splitTerms(row.terms),
  };
}
