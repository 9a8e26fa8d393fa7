/**
 * Full-text search in the passages of a chatbot. Only `src/domain/language` splits texts into words: the index receives
 * normalized terms. The index selects candidates by BM25; `retrieve` in `src/answer` ranks them.
 */
import { sql } from 'kysely';
import type { Passage, SourceType } from '../../domain/entities.ts';
import { countWords, type QueryWord } from '../../domain/language/terms.ts';
import { isPostgres } from '../engines/engine.ts';
import { prepareQuery } from '../engines/prepared.ts';
import type { PassageRow, Queryable } from '../tables.ts';
import { inverseDocumentFrequency, type SearchedWord, selectBest, type TermPostings } from './bm25.ts';
import { type Corpus, countStoredTerms, findCorpus, listStoredTerms, readTermPostings } from './index-reads.ts';
import { splitTerms } from './inverted-index.ts';
import { toPassage } from './passages.ts';

/** A passage with at least one of the searched words, and the fields that are needed to rank and cite it. */
export interface Candidate {
  readonly passage: Passage;
  readonly title: string;
  readonly url: string | null;
  readonly sourceType: SourceType;
  /** The indexed terms of the passage: those of the source's title, of the headings, and of the text, in this order. */
  readonly terms: readonly string[];
  /** The indexed terms for parts of its words. */
  readonly parts: readonly string[];
}

/** The search index of a chatbot. All its counts are exact, and are those of this chatbot alone. */
export interface ChatbotIndex {
  /** How many passages the chatbot has. */
  readonly passageCount: number;
  /** How many terms a passage has on average; 0 without passages. */
  readonly averageLength: number;
  /** Returns for each term how many passages contain it; counts each term once. */
  countTerms(terms: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Lists terms that start with a prefix of at least one letter, in alphabetical order, at most 2,000. */
  listTerms(prefix: string): Promise<string[]>;
  /**
   * Finds the passages that contain any of `words`: the `limit` best by BM25, in no particular order. In a large corpus,
   * ignores frequent words that would make the search slow.
   */
  findCandidates(words: readonly QueryWord[], limit?: number): Promise<Candidate[]>;
}

/** A candidate as it is read. */
interface CandidateRow extends PassageRow {
  readonly title: string;
  readonly url: string | null;
  readonly type: SourceType;
  readonly terms: string;
}

/**
 * The approximate maximum number of postings that a search reads, at 50 ns each. To stay below it, a search in a large
 * corpus omits the most frequent words.
 */
const MAX_POSTINGS = 200_000;

const ABSENT: TermPostings = { count: 0, postings: [] };

/** The minimum number of words that a search uses, however frequent they are. */
const MIN_WORDS = 2;

/** The weight of all parts of a word together, as a share of the word's. */
const PART_SHARE = 0.3;

/** The default number of candidates: the index might not rank the best ones first. */
const DEFAULT_LIMIT = 50;

/**
 * Opens the search index of a chatbot. An unknown chatbot, or one of another account, has an empty one.
 * @param words the words to search for, as far as they are known: it reads them at once.
 */
export async function openIndex(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  words: readonly QueryWord[] = [],
): Promise<ChatbotIndex> {
  const corpus = await findCorpus(db, accountId, chatbotId);
  const averageLength = corpus ? corpus.terms / Math.max(corpus.passages, 1) : 0;
  const known = new Map<string, TermPostings>();
  // In a larger corpus, the lists of frequent words are too long to be read before it is known whether they are used.
  if (corpus !== undefined && corpus.passages <= MAX_POSTINGS) await readTerms(corpus, listTerms(words));

  async function readTerms(corpus: Corpus, terms: readonly string[]): Promise<void> {
    const unread = [...new Set(terms)].filter((term) => known.get(term)?.postings === undefined);
    const found = await readTermPostings(db, corpus, unread);
    for (const [term, postings] of found) known.set(term, postings);
  }

  async function countTerms(terms: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const unknown = [...new Set(terms)].filter((term) => !known.has(term));
    const counts = corpus ? await countStoredTerms(db, corpus, unknown) : new Map<string, number>();
    for (const term of unknown) {
      const count = counts.get(term);
      known.set(term, count === undefined ? ABSENT : { count });
    }
    return new Map(terms.map((term) => [term, known.get(term)?.count ?? 0]));
  }

  return {
    passageCount: corpus?.passages ?? 0,
    averageLength,
    countTerms,
    listTerms: async (prefix) => (corpus ? listStoredTerms(db, corpus, prefix) : []),

    async findCandidates(words, limit = DEFAULT_LIMIT) {
      if (corpus === undefined) return [];
      const chosen = chooseWords(words, await countTerms(listTerms(words)), corpus);
      const terms = new Set(chosen.flatMap(({ terms }) => terms));
      await readTerms(corpus, [...terms]);
      const postings = Array.from(terms).flatMap((term) => known.get(term)?.postings ?? []);
      return readCandidates(db, accountId, corpus, selectBest(postings, chosen, averageLength, limit));
    },
  };
}

/** Lists the terms of words and of their parts. */
function listTerms(words: readonly QueryWord[]): string[] {
  return words.flatMap(({ terms, parts = [] }) => [...terms, ...parts.flat()]);
}

/**
 * Chooses words, the rarest first, as long as they do not have too many postings in total; then parts of words by the
 * same rule.
 */
function chooseWords(words: readonly QueryWord[], counts: ReadonlyMap<string, number>, corpus: Corpus): SearchedWord[] {
  const parts = words.flatMap(({ parts = [] }) => parts.map((terms) => ({ terms, share: PART_SHARE / parts.length })));
  let postings = 0;
  const choose = (rated: readonly { terms: readonly string[]; share: number }[], minWords: number) =>
    rated
      .map(({ terms, share }) => ({
        terms,
        share,
        count: terms.reduce((sum, term) => sum + (counts.get(term) ?? 0), 0),
      }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => a.count - b.count)
      .filter(({ count }, index) => {
        const isChosen = index < minWords || postings + count <= MAX_POSTINGS;
        if (isChosen) postings += count;
        return isChosen;
      })
      .map(({ terms, share, count }) => ({
        terms,
        weight: share * inverseDocumentFrequency(Math.min(count, corpus.passages), corpus.passages),
      }));
  return [
    ...choose(
      words.map(({ terms }) => ({ terms, share: 1 })),
      MIN_WORDS,
    ),
    ...choose(parts, 0),
  ];
}

async function readCandidates(
  db: Queryable,
  accountId: string,
  corpus: Corpus,
  slots: readonly number[],
): Promise<Candidate[]> {
  if (slots.length === 0) return [];
  const rows = await READ_CANDIDATES(db, [corpus.id, isPostgres(db) ? slots : JSON.stringify(slots), accountId]);
  return rows.map(toCandidate);
}

const READ_CANDIDATES = prepareQuery<CandidateRow>((db) => ({
  compile: () =>
    sql<CandidateRow>`
      select p.*, s.title, s.url, s.type, e.terms
      from search_entries as e
      cross join passages as p
      cross join sources as s
      where e.corpus_id = cast(${0} as integer) and e.slot ${isPostgres(db) ? ANY_ON_POSTGRES : ANY_ON_SQLITE}
        and p.id = e.passage_id and p.account_id = ${''} and s.id = p.source_id
    `.compile(db),
}));

/** One parameter for any number of slots, so that the statement is always the same. */
const ANY_ON_POSTGRES = sql`= any(cast(${[]} as integer[]))`;
const ANY_ON_SQLITE = sql`in (select value from json_each(${'[]'}))`;

function toCandidate(row: CandidateRow): Candidate {
  const terms = splitTerms(row.terms);
  const wordCount = countWords(terms);
  return {
    passage: toPassage(row),
    title: row.title,
    url: row.url,
    sourceType: row.type,
    terms: terms.slice(0, wordCount),
    parts: terms.slice(wordCount),
  };
}
