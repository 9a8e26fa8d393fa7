import type { Candidate } from '../../store/search/search.ts';
import { scoreTerms, type WeightedWord } from '../score-passage.ts';
import { createWordComparer, type SimilarWords } from './similar-words.ts';
import { listStopWords, scoreStopWords, weighStopWords } from './stop-word-scores.ts';
import { findWholeWords } from './whole-words.ts';
import { shareOf, sumWeights } from './word-shares.ts';

/**
 * The features by which passages are ranked, each from 0 to 1. A share of the question is a share of the weights of its
 * words.
 */
export interface PassageFeatures {
  /** The score of the words in title, headings and text together, by `scoreTerms`. */
  readonly words: number;
  /** The largest share of the question in twelve terms in a row. */
  readonly nearness: number;
  /** The share of the question in the title and the headings. */
  readonly headings: number;
  /** The share of the question that occurs, with a word that is only similar counting by its similarity. */
  readonly spelling: number;
  /**
   * The share of the question whose words occur as they are, one inside of another word counting half; 0 for an English
   * question. Terms of other languages are first letters, which different words share.
   */
  readonly whole: number;
  /** The BM25 score of the question's stop words, rare ones more, mapped to 0 to 1. */
  readonly stopWords: number;
  /**
   * The longest run of terms of the question, with a word and its stop words, that the passage repeats; six terms are
   * enough for 1.
   */
  readonly sequence: number;
  /** The sum of `words` of the other candidates of the same source, mapped to 0 to 1. */
  readonly page: number;
}

/** In terms: about a clause, so that words that belong together are in one window. */
const WINDOW_LENGTH = 12;

/** In terms: longer runs are so rare that they all mean the same. */
const LONG_SEQUENCE = 6;

const LATIN_WORD = /^[\p{Script=Latin}\p{N}]/u;

/** The maximum number of the question's terms that are compared in sequence; it bounds the time for a long question. */
const MAX_SEQUENCE_TERMS = 64;

/** What is read of a question to compare it with passages. */
export interface QuestionTerms {
  /** All terms of the question in order, stop words included. */
  readonly terms: readonly string[];
  readonly words: readonly WeightedWord[];
}

/** A candidate with the number of its terms that belong to the title and the headings: they come first. */
export type HeadedCandidate = Candidate & { readonly headLength: number };

/**
 * Reads the features of the candidates of a search, in their order. `averageLength` is that of all passages of the
 * chatbot, in terms.
 */
export function readPassageFeatures(
  question: QuestionTerms,
  candidates: readonly HeadedCandidate[],
  averageLength: number,
): PassageFeatures[] {
  const isEnglish = isInEnglish(question, candidates);
  const stopWords = listStopWords(question.terms.slice(0, MAX_SEQUENCE_TERMS), question.words);
  const readTerm = createTermReader(question, stopWords);
  const allFound = candidates.map(({ terms, headLength }) =>
    findWords(terms, headLength, question.words.length, stopWords.length, readTerm),
  );
  const stopWordWeights = weighStopWords(
    stopWords.length,
    allFound.map(({ stopWordCounts }) => stopWordCounts),
  );
  const features = candidates.map((candidate, index) => {
    const { terms, parts } = candidate;
    const found = allFound[index] as FoundWords;
    const relativeLength = terms.length / averageLength;
    return {
      words: scoreTerms(terms, question.words, relativeLength, parts),
      nearness: findBestWindow(found.occurrences, question.words),
      headings: shareOf(question.words, (_, index) => found.inHeadings[index] ?? 0),
      spelling: shareOf(question.words, (_, index) => found.similarities[index] ?? 0),
      whole: isEnglish ? 0 : findWholeWords(candidate, question.words),
      stopWords: scoreStopWords(found.stopWordCounts, stopWordWeights, relativeLength),
      sequence: Math.min(found.sequence, LONG_SEQUENCE) / LONG_SEQUENCE,
    };
  });
  const pageSums = new Map<string, number>();
  for (const [index, { words }] of features.entries()) {
    const { sourceId } = candidates[index]?.passage ?? { sourceId: '' };
    pageSums.set(sourceId, (pageSums.get(sourceId) ?? 0) + words);
  }
  return features.map((feature, index) => {
    const others = (pageSums.get(candidates[index]?.passage.sourceId ?? '') ?? 0) - feature.words;
    return { ...feature, page: others / (1 + others) };
  });
}

/**
 * Whether a question is asked in English, of English texts: its words are in Latin script, and most of the candidates
 * are English. A question alone is often too short to tell.
 */
export function isInEnglish({ words }: QuestionTerms, candidates: readonly Candidate[]): boolean {
  const englishCount = candidates.filter(({ parts }) => parts.length === 0).length;
  return words.every(({ text }) => LATIN_WORD.test(text)) && 2 * englishCount > candidates.length;
}

/** A word of the question, by its index, at a position of the passage. */
interface Occurrence {
  readonly at: number;
  readonly word: number;
}

/** The relation of a term to the question. */
interface TermRelation {
  /** The index of the word that the term is a form of; undefined if there is none. */
  readonly word: number | undefined;
  readonly similar: SimilarWords;
  /** The index of the stop word that the term is; undefined if it is none of the question's. */
  readonly stopWord: number | undefined;
  /** The places of the term in the question. */
  readonly places: readonly number[] | undefined;
}

const UNRELATED: TermRelation = { word: undefined, similar: [], stopWord: undefined, places: undefined };

/** Creates a function that relates a term to the question. It remembers terms, because candidates share most of them. */
function createTermReader(
  { terms, words }: QuestionTerms,
  stopWords: readonly string[],
): (term: string) => TermRelation {
  const stopWordOf = new Map(stopWords.map((term, index) => [term, index]));
  const findSimilar = createWordComparer(words.map(({ terms: [term = ''] }) => term));
  const wordOf = new Map(words.flatMap(({ terms }, index) => terms.map((term) => [term, index])));
  const placesOf = new Map<string, number[]>();
  for (const [place, term] of terms.slice(0, MAX_SEQUENCE_TERMS).entries())
    placesOf.set(term, [...(placesOf.get(term) ?? []), place]);
  const known = new Map<string, TermRelation>();
  return (term) => {
    let relation = known.get(term);
    if (relation === undefined) {
      const word = wordOf.get(term);
      const places = placesOf.get(term);
      const similar = findSimilar(term);
      const isRelated = word !== undefined || places !== undefined || similar.length > 0;
      relation = isRelated ? { word, similar, stopWord: stopWordOf.get(term), places } : UNRELATED;
      known.set(term, relation);
    }
    return relation;
  };
}

/** What a passage has of the words of a question; the arrays have an element for each word. */
interface FoundWords {
  readonly occurrences: readonly Occurrence[];
  /** 1 for a word in the title or the headings, otherwise 0. */
  readonly inHeadings: Uint8Array;
  /** The best similarity of a term to the word; 1 if the word itself occurs. */
  readonly similarities: Float64Array;
  /** The number of occurrences of each stop word. */
  readonly stopWordCounts: Uint16Array;
  /** The length of the longest run of the question's terms. */
  readonly sequence: number;
}

/** Finds all words of a question in a passage, in one pass over its terms. */
function findWords(
  terms: readonly string[],
  headLength: number,
  wordCount: number,
  stopWordCount: number,
  readTerm: (term: string) => TermRelation,
): FoundWords {
  const occurrences: Occurrence[] = [];
  const inHeadings = new Uint8Array(wordCount);
  const similarities = new Float64Array(wordCount);
  const stopWordCounts = new Uint16Array(stopWordCount);
  let sequence = 0;
  /** The runs that end at the previous term, by their last place in the question. */
  let runs: Map<number, Run> | undefined;
  for (let at = 0; at < terms.length; at += 1) {
    const relation = readTerm(terms[at] ?? '');
    if (relation === UNRELATED) {
      runs = undefined;
      continue;
    }
    const { word, similar, stopWord, places } = relation;
    if (stopWord !== undefined) stopWordCounts[stopWord] = (stopWordCounts[stopWord] ?? 0) + 1;
    if (word !== undefined) {
      occurrences.push({ at, word });
      similarities[word] = 1;
      if (at < headLength) inHeadings[word] = 1;
    }
    for (const [index, similarity] of similar)
      if (similarity > (similarities[index] ?? 0)) similarities[index] = similarity;
    runs = places && extendRuns(runs, places, word !== undefined);
    for (const run of runs?.values() ?? []) if (run.hasWord) sequence = Math.max(sequence, run.length);
  }
  return { occurrences, inHeadings, similarities, stopWordCounts, sequence };
}

/** A part of the question that the passage repeats. Stop words alone ("of the") say nothing. */
interface Run {
  readonly length: number;
  readonly hasWord: boolean;
}

function extendRuns(runs: ReadonlyMap<number, Run> | undefined, places: readonly number[], isWord: boolean) {
  const extended = new Map<number, Run>();
  for (const place of places) {
    const run = runs?.get(place - 1);
    extended.set(place, { length: (run?.length ?? 0) + 1, hasWord: isWord || run?.hasWord === true });
  }
  return extended;
}

/** The largest share of the question within `WINDOW_LENGTH` terms: a window slides over the occurrences. */
function findBestWindow(occurrences: readonly Occurrence[], words: readonly WeightedWord[]): number {
  const counts = new Uint16Array(words.length);
  let weight = 0;
  let best = 0;
  let first = 0;
  for (const { at, word } of occurrences) {
    if (counts[word] === 0) weight += words[word]?.weight ?? 0;
    counts[word] = (counts[word] ?? 0) + 1;
    for (let left = occurrences[first]; left && at - left.at >= WINDOW_LENGTH; left = occurrences[first]) {
      counts[left.word] = (counts[left.word] ?? 0) - 1;
      if (counts[left.word] === 0) weight -= words[left.word]?.weight ?? 0;
      first += 1;
    }
    if (weight > best) best = weight;
  }
  return best / Math.max(sumWeights(words), Number.MIN_VALUE);
}
