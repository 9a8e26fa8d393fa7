/**
 * Full-text search in the passages of a chatbot. Only `src/domain/language` splits texts into words: the index receives
 * normalized terms. The index selects candidates by BM25; `retrieve` in `src/answer` ranks them.
 */
import { sql } from 'kysely';
import type { Passage, SourceType } from '../../domain/entities.ts';
import { countWords, type QueryWord } from '../../domain/language/terms.ts';
import type { PassageRow, Queryable } from '../tables.ts';
import { inverseDocumentFrequency, type SearchedWord, selectBest } from './bm25.ts';
import {
  type Corpus,
  countStoredTerms,
  findCorpus,
  listStoredTerms,
  readPostings,
  splitTerms,
} from './inverted-index.ts';
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
  /** Returns for each term how many passages contain it; reads each term once. */
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
 * The approximate maximum number of postings that a search reads, at 20 ns each. To stay below it, a search in a large
 * corpus omits the most frequent words.
 */
const MAX_POSTINGS = 200_000;

/** The minimum number of words that a search uses, however frequent they are. */
const MIN_WORDS = 2;

/** The weight of all parts of a word together, as a share of the word's. */
const PART_SHARE = 0.3;

/** The default number of candidates: the index might not rank the best ones first. */
const DEFAULT_LIMIT = 50;

/** Opens the search index of a chatbot. An unknown chatbot, or one of another account, has an empty one. */
export async function openIndex(db: Queryable, accountId: string, chatbotId: string): Promise<ChatbotIndex> {
  const corpus = await findCorpus(db, accountId, chatbotId);
  const averageLength = corpus ? corpus.terms / Math.max(corpus.passages, 1) : 0;
  const knownCounts = new Map<string, number>();

  async function countTerms(terms: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const unknown = [...new Set(terms)].filter((term) => !knownCounts.has(term));
    const counts = corpus && unknown.length > 0 ? await countStoredTerms(db, corpus, unknown) : new Map();
    for (const term of unknown) knownCounts.set(term, counts.get(term) ?? 0);
    return new Map(terms.map((term) => [term, knownCounts.get(term) ?? 0]));
  }

  return {
    passageCount: corpus?.passages ?? 0,
    averageLength,
    countTerms,
    listTerms: async (prefix) => (corpus ? listStoredTerms(db, corpus, prefix) : []),

    async findCandidates(words, limit = DEFAULT_LIMIT) {
      if (corpus === undefined) return [];
      const counts = await countTerms(words.flatMap(({ terms, parts = [] }) => [...terms, ...parts.flat()]));
      const chosen = chooseWords(words, counts, corpus);
      const slots = selectBest(
        await readPostings(
          db,
          corpus,
          chosen.flatMap(({ terms }) => terms),
        ),
        chosen,
        averageLength,
        limit,
      );
      return readCandidates(db, accountId, corpus, slots);
    },
  };
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
  const { rows } = await sql<CandidateRow>`
    select p.*, s.title, s.url, s.type, e.terms
    from search_entries as e
    cross join passages as p
    cross join sources as s
    where e.corpus_id = ${corpus.id} and e.slot in (${sql.join([...slots])})
      and p.id = e.passage_id and p.account_id = ${accountId} and s.id = p.source_id
  `.execute(db);
  return rows.map(toCandidate);
}

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
