import { toContentTerms } from '../domain/language/terms.ts';
import { composeQuote, type Quote } from './compose-quote.ts';
import type { Span } from './markdown-blocks.ts';
import { type QuestionForm, readQuestionForm } from './question-form.ts';
import { type Candidate, findCandidates } from './quote-candidates.ts';
import type { Hit, Retrieval } from './retrieve.ts';
import { defines, introducesTopic, isPoor, type ScoredQuestion, scoreCandidate } from './score-candidate.ts';
import type { WeightedWord } from './score-passage.ts';

/**
 * The number of passages that are searched for quotes. A definition or a comparison may stand in a passage that
 * mentions its subject only once, so that more passages are searched for it.
 */
const MAX_HITS = 5;
const MAX_HITS_OF_SUBJECT = 8;

/** The maximum number of sentences in all quotes together; a list with its announcement counts as two. */
const MAX_SENTENCES = 3;

/**
 * A second quote needs at least this share of the first quote's score: in the same passage, on the same page, and on
 * another page that adds words with `MIN_GAIN` of the question's weight, or not. On the SQuAD sample, the quotes (1.8
 * on average) contain a gold answer for 86.3 % of the questions; if there are always two, for 86.3 % too.
 */
const MIN_SHARE_IN_PASSAGE = 0.6;
const MIN_SHARE_ON_PAGE = 0.7;
const MIN_SHARE_ELSEWHERE = 0.75;
const MIN_SHARE_WITHOUT_GAIN = 0.95;
const MIN_GAIN = 0.1;
const MIN_STRONG_SHARE = 0.85;
/** The second quote needs at least this share of the question's words, by weight, in its own sentences. */
const MIN_OWN_SHARE = 0.2;
/** Questions that one quote usually answers. A second quote needs `MIN_STRONG_SHARE`, as does a list, which is long. */
const SINGLE_ANSWER_KINDS: ReadonlySet<QuestionForm['kind']> = new Set(['HOW_TO', 'YES_NO', 'WHERE_IS']);

/** In UTF-16 units: the maximum length of a sentence with its continuation. */
const MAX_CONTINUED_LENGTH = 320;

/** Texts that share at least this much of their words, or of the words of the shorter one, say the same. */
const DUPLICATE_SHARE = 0.7;
const CONTAINED_SHARE = 0.9;

/** An entry has the visitor's question if the two share at least this much of their content words. */
const SAME_QUESTION_SHARE = 0.8;

/** The form of the question for each of two things that are compared. */
const SIDE_FORM: QuestionForm = { kind: 'DEFINITION', asksForCode: false, sides: undefined, evidence: undefined };

interface Scored {
  readonly candidate: Candidate;
  readonly score: number;
}

/**
 * Chooses what answers a question: at most two quotes of together at most three sentences, in the order of their page.
 * The second quote is from the same page unless another page says something else that the question asks for. A
 * question-answer entry whose question is the visitor's is quoted alone. Empty when there are no hits.
 */
export function chooseQuotes(content: string, { hits, words }: Pick<Retrieval, 'hits' | 'words'>): Quote[] {
  const form = readQuestionForm(content);
  const entry = hits.find((hit) => hasQuestion(hit, words));
  const maxHits = form.kind === 'DEFINITION' || form.kind === 'COMPARISON' ? MAX_HITS_OF_SUBJECT : MAX_HITS;
  const candidates = (entry ? [entry] : hits.slice(0, maxHits)).flatMap(findCandidates);
  return (
    (form.sides && compareSides(candidates, form.sides, words)) ??
    chooseBest(candidates, { words, subject: words, form })
  );
}

function chooseBest(candidates: readonly Candidate[], question: ScoredQuestion): Quote[] {
  const ranking = rank(candidates, question);
  const [best] = ranking;
  if (best === undefined) return [];
  const first = composeQuote(best.candidate, question.form, {
    next: findContinuation(best.candidate, candidates, question),
  });
  if (isComplete(best.candidate, question) || first.sentenceCount >= MAX_SENTENCES) return [first];
  const second = ranking.find(
    ({ candidate, score }) =>
      canStandBeside(candidate, first, question) && score >= minShareOf(candidate, first, question) * best.score,
  );
  return second ? sortQuotes([first, composeQuote(second.candidate, question.form, { other: first })]) : [first];
}

/** Chooses one quote about each of two things; undefined if one of them is not found. */
function compareSides(
  candidates: readonly Candidate[],
  sides: readonly [string, string],
  words: readonly WeightedWord[],
): Quote[] | undefined {
  const [left, right] = sides.map((side) => {
    const terms = new Set(toContentTerms(side));
    return words.filter((word) => hasWord(terms, word));
  }) as [WeightedWord[], WeightedWord[]];
  const first = chooseSide(candidates, words, left, right);
  const second = first && chooseSide(candidates, words, right, left, first);
  return second && sortQuotes([first, second]);
}

/** Chooses the best quote that has all words of one side, itself or above it. */
function chooseSide(
  candidates: readonly Candidate[],
  words: readonly WeightedWord[],
  own: readonly WeightedWord[],
  opposite: readonly WeightedWord[],
  other?: Quote,
): Quote | undefined {
  const subject = own.filter((word) => !opposite.includes(word));
  if (subject.length === 0) return undefined;
  const question = { words: words.filter((word) => own.includes(word) || !opposite.includes(word)), subject };
  const ranking = rank(candidates, { ...question, form: SIDE_FORM }).filter(
    ({ candidate }) =>
      subject.every((word) => hasWord(candidate.terms, word) || hasWord(candidate.above, word)) &&
      !(other && overlap(candidate, other)) &&
      !isPoor(candidate, SIDE_FORM),
  );
  // What names both things probably explains neither.
  const namesBoth = ({ terms }: Candidate) => opposite.some((word) => !own.includes(word) && hasWord(terms, word));
  const found = ranking.find(({ candidate }) => !namesBoth(candidate)) ?? ranking[0];
  return found && composeQuote(found.candidate, SIDE_FORM, other && { other });
}

/** Sorts candidates by their scores, best first, without those that answer nothing. */
function rank(candidates: readonly Candidate[], question: ScoredQuestion): Scored[] {
  return candidates
    .map((candidate) => ({ candidate, score: scoreCandidate(candidate, question) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
}

/** Whether a candidate needs nothing beside it: an entry, a definition, steps or a command. */
function isComplete(candidate: Candidate, question: ScoredQuestion): boolean {
  const { kind, code } = candidate;
  if (kind === 'ENTRY' || introducesTopic(candidate, question)) return true;
  return question.form.kind === 'HOW_TO' && (kind === 'LIST' || code !== undefined);
}

/**
 * Finds the sentence after one that a heading or label makes an answer, because it names the subject or has words of the
 * question that the sentence lacks: such a sentence is the beginning of an answer. A definition is a whole answer.
 */
function findContinuation(
  candidate: Candidate,
  candidates: readonly Candidate[],
  question: ScoredQuestion,
): Candidate | undefined {
  const { terms, above, block, isFirst, label, start } = candidate;
  const isOpening = isFirst || (label !== '' && candidate.previous?.block !== block);
  const needsHeading =
    question.form.kind === 'DEFINITION' ||
    question.subject.some((word) => hasWord(above, word) && !hasWord(terms, word));
  if (!isOpening || !needsHeading || defines(candidate, question)) return undefined;
  const next = candidates.find(({ previous, kind }) => kind === 'SENTENCE' && previous === candidate);
  if (next === undefined || next.block !== block || next.isAnnouncement) return undefined;
  return next.end - start <= MAX_CONTINUED_LENGTH ? next : undefined;
}

/** Whether a candidate says something else than a quote, and has a word of the question. */
function canStandBeside(candidate: Candidate, quote: Quote, { words, form }: ScoredQuestion): boolean {
  const { kind, terms, previous, isDependent } = candidate;
  if (kind === 'ENTRY' || isPoor(candidate, form)) return false;
  if (overlap(candidate, quote) || sayTheSame(terms, quote.terms)) return false;
  const found = words.filter(
    (word) => hasWord(terms, word) || (isDependent && previous && hasWord(previous.terms, word)),
  );
  return found.length > 0 && sumWeights(found) >= MIN_OWN_SHARE * sumWeights(words);
}

/** Returns the share of the first quote's score that a candidate needs to be the second quote. */
function minShareOf(candidate: Candidate, quote: Quote, { words, form }: ScoredQuestion): number {
  const mustBeStrong = candidate.kind === 'LIST' || SINGLE_ANSWER_KINDS.has(form.kind);
  if (candidate.hit === quote.hit) return mustBeStrong ? MIN_STRONG_SHARE : MIN_SHARE_IN_PASSAGE;
  if (isSamePage(candidate, quote)) return mustBeStrong ? MIN_STRONG_SHARE : MIN_SHARE_ON_PAGE;
  const addsWords = weighNewWords(candidate, quote, words) >= MIN_GAIN;
  return addsWords && !mustBeStrong ? MIN_SHARE_ELSEWHERE : MIN_SHARE_WITHOUT_GAIN;
}

/** Whether a hit is an entry with the visitor's question. */
function hasQuestion({ sourceType, passage }: Hit, words: readonly WeightedWord[]): boolean {
  if (sourceType !== 'QA') return false;
  const asked = toContentTerms(passage.headingPath.join('\n'));
  const shared = words.filter(({ terms }) => terms.some((term) => asked.includes(term))).length;
  return shared > 0 && shared >= SAME_QUESTION_SHARE * (words.length + asked.length - shared);
}

/** Puts quotes of one page into the order of the page. */
function sortQuotes(quotes: readonly Quote[]): Quote[] {
  return quotes.toSorted((a, b) =>
    isSamePage(a, b) ? a.hit.passage.position - b.hit.passage.position || a.start - b.start : 0,
  );
}

function isSamePage(a: { hit: Hit }, b: { hit: Hit }): boolean {
  return a.hit.passage.sourceId === b.hit.passage.sourceId;
}

function overlap(a: Span & { hit: Hit }, b: Span & { hit: Hit }): boolean {
  return a.hit === b.hit && a.start < b.end && b.start < a.end;
}

/** Whether one of two texts has hardly a word that the other lacks. */
function sayTheSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const shared = [...a].filter((term) => b.has(term)).length;
  return shared >= DUPLICATE_SHARE * (a.size + b.size - shared) || shared >= CONTAINED_SHARE * Math.min(a.size, b.size);
}

/** The share of a question's weight in a candidate, but not in a quote. */
function weighNewWords({ terms }: Candidate, quote: Quote, words: readonly WeightedWord[]): number {
  const isNew = (word: WeightedWord) => hasWord(terms, word) && !hasWord(quote.terms, word);
  return sumWeights(words.filter(isNew)) / sumWeights(words);
}

function sumWeights(words: readonly WeightedWord[]): number {
  return words.reduce((sum, { weight }) => sum + weight, 0);
}

function hasWord(terms: ReadonlySet<string>, { terms: alternatives }: WeightedWord): boolean {
  return alternatives.some((term) => terms.has(term));
}
