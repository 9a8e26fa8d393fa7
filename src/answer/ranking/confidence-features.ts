import type { WeightedWord } from '../score-passage.ts';
import type { HeadedCandidate, QuestionTerms } from './passage-features.ts';
import { shareOf } from './word-shares.ts';

/** The features by which the chance of a right answer is estimated; each is from 0 to 1, except `corpus`. */
export interface ConfidenceFeatures {
  /** The content score of the best passage. */
  readonly score: number;
  /** The same if the best passage is that of a question-answer entry, otherwise 0. */
  readonly entry: number;
  /** The best share of the question's words by BM25 in one passage. */
  readonly words: number;
  /** The share of the question that the five best passages contain together. */
  readonly coverage: number;
  /** The share of the weights of words of which no passage contains anything. */
  readonly unknown: number;
  /** The share of the five best passages that are of the source of the best one. */
  readonly agreement: number;
  /** The weight of what the best passage has of the question, divided by twenty: long questions ask for more by the way. */
  readonly evidence: number;
  /** The weights of all words of the question, divided by twenty. */
  readonly length: number;
  /** The same less the content score of the best passage of another source. */
  readonly lead: number;
  /** One divided by the number of words: short questions are less certain. */
  readonly shortness: number;
  /** The natural logarithm of the number of passages, divided by ten: more passages find more by chance. */
  readonly corpus: number;
}

/** The number of passages that are looked at together. */
const BEST = 5;

/** A ranked candidate. */
type Ranked = HeadedCandidate & { readonly contentScore: number };

/** Reads the features of a ranking, best first; undefined if there is no candidate. */
export function readConfidenceFeatures(
  {
    words,
    counts,
    passageCount,
  }: Pick<QuestionTerms, 'words'> & {
    /** How many passages contain each term. */
    readonly counts: ReadonlyMap<string, number>;
    readonly passageCount: number;
  },
  ranked: readonly Ranked[],
  wordScore: number,
): ConfidenceFeatures | undefined {
  const [best] = ranked;
  if (best === undefined) return undefined;
  const top = ranked.slice(0, BEST);
  const total = words.reduce((sum, { weight }) => sum + weight, 0);
  const found = new Set(top.flatMap(({ terms, parts }) => [...terms, ...parts]));
  const known = new Set(ranked.flatMap(({ parts }) => parts));
  return {
    score: best.contentScore,
    entry: best.sourceType === 'QA' ? best.contentScore : 0,
    words: wordScore,
    coverage: shareOf(words, ({ terms, parts }) => +(terms.some((term) => found.has(term)) || hasPart(parts, found))),
    unknown: shareOf(
      words,
      ({ terms, parts }) => +(terms.every((term) => !counts.get(term)) && !hasPart(parts, known)),
    ),
    agreement: top.filter(({ passage }) => passage.sourceId === best.passage.sourceId).length / BEST,
    evidence: (best.contentScore * total) / 20,
    length: total / 20,
    lead:
      best.contentScore - (ranked.find(({ passage }) => passage.sourceId !== best.passage.sourceId)?.contentScore ?? 0),
    shortness: 1 / Math.max(words.length, 1),
    corpus: Math.log(Math.max(passageCount, 1)) / 10,
  };
}

/** Whether some terms have a part of a word. */
function hasPart(parts: WeightedWord['parts'] = [], terms: ReadonlySet<string>): boolean {
  return parts.some((alternatives) => alternatives.some((term) => terms.has(term)));
}
