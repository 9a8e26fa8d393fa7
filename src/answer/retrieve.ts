import type { Passage, SourceType } from '../domain/entities.ts';
import { type QueryWord, toQueryWords, toTerms } from '../domain/language/terms.ts';
import { toWords } from '../domain/language/words.ts';
import { inverseDocumentFrequency } from '../store/search/bm25.ts';
import { openIndex } from '../store/search/search.ts';
import type { Queryable } from '../store/tables.ts';
import { chooseCorrections, correctText, findCorrections } from './correct-spelling.ts';
import { readConfidenceFeatures } from './ranking/confidence-features.ts';
import { estimateConfidence } from './ranking/estimate-confidence.ts';
import { omitDuplicates } from './ranking/omit-duplicates.ts';
import type { HeadedCandidate, QuestionTerms } from './ranking/passage-features.ts';
import { type CandidateScores, scoreCandidates } from './ranking/rank-passages.ts';
import { scoreTerms, type WeightedWord } from './score-passage.ts';

/** A passage that matches a question. */
export interface Hit {
  readonly passage: Passage;
  /** The title, address and type of the passage's source. */
  readonly title: string;
  readonly url: string | null;
  readonly sourceType: SourceType;
  /** 0 to 1, as a share of the highest possible score for this question; includes a bonus for a source's opening. */
  readonly score: number;
}

/** The passages of a chatbot's sources that match a question. */
export interface Retrieval {
  /** Best first; empty when no word of the question occurs. */
  readonly hits: readonly Hit[];
  /** The estimated probability, 0 to 1, that the best passages answer the question: see `estimateConfidence`. */
  readonly confidence: number;
  /** The words that were searched for, in the order of the question. */
  readonly words: readonly WeightedWord[];
  /** The question with corrected spelling; null if nothing was corrected. */
  readonly correctedQuestion: string | null;
}

/** The minimum number of passages to request from the index for scoring: it might not rank the best ones first. */
const MIN_CANDIDATES = 30;

/**
 * In passages: a smaller corpus counts as this large when terms are weighted. Otherwise, with a single passage, the
 * words that the passage lacks would weigh five times as much as those that it contains.
 */
const MIN_CORPUS_SIZE = 100;

/**
 * A question with at most this many words ("What is ChatGraph?") probably asks for a definition. Many passages may
 * repeat the word more often, but the opening of a source usually defines it. `OPENING_BONUS` ranks the opening first.
 */
const SHORT_QUESTION_WORDS = 2;
const OPENING_BONUS = 0.02;

/**
 * Finds the passages of a chatbot that match a question best, at most `limit`. The index proposes candidates; this
 * function ranks them with the term counts of this chatbot's passages alone, so that results are as good with one
 * passage as with thousands. Passages with equal scores are in the order of their positions in their sources. Of
 * passages of different sources that say nearly the same, only the best is a hit.
 */
export async function retrieve(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  question: string,
  limit: number,
): Promise<Retrieval> {
  const found = await findWeighted(db, accountId, chatbotId, question, limit);
  const { ranked, features } = rankFound(found);
  return {
    hits: omitDuplicates(ranked, limit).map(({ terms, headLength, contentScore, ...hit }) => hit),
    confidence: estimateConfidence(features),
    words: found.words,
    correctedQuestion: found.correctedQuestion,
  };
}

const NO_SCORES: CandidateScores = { score: 0, contentScore: 0 };

/** Ranks the candidates for a question, best first, and reads the features of the ranking. */
export function rankFound(found: WeightedCandidates) {
  const { candidates, averageLength, words } = found;
  const scores = scoreCandidates(found, candidates, averageLength);
  const scored = candidates.map((candidate, index) => ({ ...candidate, ...(scores[index] ?? NO_SCORES) }));
  const ranked = (words.length <= SHORT_QUESTION_WORDS ? scored.map(boostOpening) : scored).sort(
    (a, b) => b.score - a.score || a.passage.position - b.passage.position,
  );
  const wordScores = candidates.map(({ terms, parts }) =>
    scoreTerms(terms, words, terms.length / averageLength, parts),
  );
  return { ranked, features: readConfidenceFeatures(found, ranked, Math.max(0, ...wordScores)) };
}

/** The candidates for a question, and its words with their weights among the passages of the chatbot. */
export interface WeightedCandidates extends QuestionTerms {
  readonly candidates: readonly HeadedCandidate[];
  /** How many terms a passage of the chatbot has on average. */
  readonly averageLength: number;
  readonly correctedQuestion: string | null;
  /** How many passages contain each term of the words. */
  readonly counts: ReadonlyMap<string, number>;
  readonly passageCount: number;
}

/** Finds the passages that may match a question, at least `MIN_CANDIDATES` if there are as many. */
export async function findWeighted(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  question: string,
  limit: number,
): Promise<WeightedCandidates> {
  const questionWords = toQueryWords(question);
  const index = await openIndex(db, accountId, chatbotId, questionWords);
  const searchedWords = await findCorrections(index, questionWords);
  const found = await index.findCandidates(searchedWords, Math.max(MIN_CANDIDATES, limit));
  const counts = await index.countTerms(searchedWords.flatMap(({ terms }) => terms));
  const corpusSize = Math.max(MIN_CORPUS_SIZE, index.passageCount);
  const weigh = (word: QueryWord) => {
    const matchCount = Math.max(...word.terms.map((term) => counts.get(term) ?? 0));
    return { ...word, weight: inverseDocumentFrequency(matchCount, corpusSize) };
  };
  const words = chooseCorrections(searchedWords, found, weigh);
  const correctedQuestion = correctText(question, words);
  const candidates = found.map((candidate) => ({
    ...candidate,
    // A word has one term.
    headLength: toWords([candidate.title, ...candidate.passage.headingPath].join('\n')).length,
  }));
  return {
    ...{ words, candidates, correctedQuestion, counts },
    passageCount: index.passageCount,
    terms: toTerms(correctedQuestion ?? question),
    averageLength: index.averageLength,
  };
}

function boostOpening<T extends Hit & CandidateScores>(hit: T): T {
  if (hit.passage.position !== 0 || hit.sourceType === 'QA') return hit;
  const boost = (score: number) => Math.min(1, score + OPENING_BONUS);
  return { ...hit, score: boost(hit.score), contentScore: boost(hit.contentScore) };
}
