import { toContentTerms, toTerms } from '../domain/language/terms.ts';
import type { QuestionForm } from './question-form.ts';
import type { Candidate } from './quote-candidates.ts';
import { scoreTerms, type WeightedWord } from './score-passage.ts';

/** The weight of a passage's score in the score of its candidates. */
const PASSAGE_WEIGHT = 0.5;

/** The weights of words that a candidate lacks, but that stand above it, in the sentence that it refers to, or before it. */
const ABOVE_WEIGHT = 0.25;
/** The weight of words in the names of a table's columns, without which its rows mean little. */
const ABOVE_ROW_WEIGHT = 0.4;
const REFERENCE_WEIGHT = 0.35;
const NEIGHBOUR_WEIGHT = 0.15;

/** In terms: only above this length does the length of a candidate lower its score. */
const LONG_CANDIDATE_TERMS = 40;

/**
 * The bonus of a sentence with the kind of content that the question asks for, such as a date. On the SQuAD sample it
 * raises the share of questions whose quotes contain a gold answer by 0.7 percentage points.
 */
const EVIDENCE_BONUS = 0.07;

/** The bonus of steps, and of a sentence with code, for a question that asks how to do something. */
const STEPS_BONUS = 0.1;

/** The bonuses for a definition: of a sentence that defines the subject, of a label, of any sentence about the subject. */
const DEFINITION_BONUS = 0.5;
const LABEL_BONUS = 0.4;
const SUBJECT_BONUS = 0.15;

/**
 * The bonus of the first sentence below a heading that has just the words of the question. A short question or one for
 * a definition is probably the name of a topic; its bonus is larger.
 */
const HEADING_BONUS = 0.15;
const TOPIC_BONUS = 0.35;
const MAX_TOPIC_WORDS = 2;
const TOPIC_THRESHOLD = 0.3;

/** In UTF-16 units: the part of a sentence in which its subject is searched. */
const MAX_SUBJECT_LENGTH = 120;

const DETERMINERS: ReadonlySet<string> = new Set(['a', 'an', 'the', 'each', 'every', 'our', 'your']);
/** Words with which a definition goes on after its subject. */
const DEFINING: ReadonlySet<string> = new Set(
  'is are was were means mean refers describes denotes stands represents names lets allows contains consists'.split(
    ' ',
  ),
);

/** In terms: a shorter text is a fragment, such as a name without a sentence. */
const MIN_SENTENCE_TERMS = 4;

/** The weight of a list that is probably about something else, although many words stand in it. */
const OFF_TOPIC_LIST_WEIGHT = 0.7;

/** The weight of a row none of whose cells has a word of the question: the names of the columns fit every row. */
const OFF_TOPIC_ROW_WEIGHT = 0.5;

/** The weight of a fragment, and of a sentence that only refers to another text. */
const POOR_WEIGHT = 0.6;

/** A sentence that only names another text. */
const POINTER =
  /^(?:(?:for |find |read |learn )?(?:out )?more (?:about|on|details?|information|info|examples?)\b|see |(?:please )?(?:refer|consult|check out|visit) |you can (?:find|read|learn) (?:more|further)|for (?:further|additional|other) )/i;

/** A question that candidates are scored for. */
export interface ScoredQuestion {
  readonly words: readonly WeightedWord[];
  /** The words that name what a definition or a heading must be about: all words, or those of one side of a comparison. */
  readonly subject: readonly WeightedWord[];
  readonly form: QuestionForm;
}

/**
 * Scores how well a candidate answers a question: the higher, the better; 0 for candidates that never do. The words of
 * the candidate count most, then those around it, the score of its passage, and the fit to the form of the question.
 */
export function scoreCandidate(candidate: Candidate, question: ScoredQuestion): number {
  const weight = weightOf(candidate, question.form);
  if (weight === 0) return 0;
  const { hit, terms } = candidate;
  const own = scoreTerms([...terms], question.words, Math.max(1, terms.size / LONG_CANDIDATE_TERMS));
  const relevance = weighRelevance(candidate, own > 0, question.words);
  const wordScore = weight * relevance * (own + scoreContext(candidate, question.words));
  return wordScore + scoreForm(candidate, own > 0, question) + PASSAGE_WEIGHT * hit.score;
}

/** Returns less than 1 for a list or a row that is probably about something else, although it has words of the question. */
function weighRelevance(candidate: Candidate, hasWord: boolean, words: readonly WeightedWord[]): number {
  if (isOffTopicList(candidate, words)) return OFF_TOPIC_LIST_WEIGHT;
  return candidate.kind === 'ROW' && !hasWord ? OFF_TOPIC_ROW_WEIGHT : 1;
}

/** Whether the words of a question stand only in the items of a list, not in its announcement or headings. */
function isOffTopicList({ kind, above, previous }: Candidate, words: readonly WeightedWord[]): boolean {
  if (kind !== 'LIST') return false;
  return !words.some((word) => contains(above, word) || (previous !== undefined && contains(previous.terms, word)));
}

/** The share of the words of a question in what says what steps are for: the announcement, the headings, or the sentence. */
function shareIntroduced({ kind, terms, above, previous }: Candidate, words: readonly WeightedWord[]): number {
  const own = kind === 'LIST' ? previous?.terms : terms;
  const found = words.filter((word) => contains(above, word) || (own !== undefined && contains(own, word)));
  return sumWeights(found) / sumWeights(words);
}

/** Returns how often a candidate of its kind answers a question of a form, compared with a sentence. */
function weightOf(candidate: Candidate, form: QuestionForm): number {
  const { kind, isAnnouncement, code, previous, block } = candidate;
  switch (kind) {
    case 'ENTRY':
      return 1;
    case 'SENTENCE':
      if (!isAnnouncement) return isPoor(candidate, form) ? POOR_WEIGHT : 1;
      if (code === undefined) return 0;
      return form.asksForCode ? 1 : 0.7;
    case 'LIST':
      if (previous !== undefined) return 1;
      return form.kind === 'HOW_TO' && block.kind === 'LIST' && block.isOrdered ? 0.9 : 0.6;
    case 'ITEM':
      return isPoor(candidate, form) ? POOR_WEIGHT : 0.95;
    case 'ROW':
      return form.kind === 'HOW_TO' ? 0.75 : 0.95;
    case 'CODE':
      return form.asksForCode ? 0.6 : 0;
  }
}

/** Whether a sentence or an item says little by itself: a fragment without a number, or a reference to another text. */
export function isPoor({ kind, hit, start, end, terms, code }: Candidate, form: QuestionForm): boolean {
  if (code !== undefined || form.kind === 'WHERE_IS') return false;
  const text = hit.passage.text.slice(start, end);
  const size = kind === 'ITEM' ? Math.min(terms.size, countAfterName(text)) : terms.size;
  return (size < MIN_SENTENCE_TERMS && !/[\p{N}`]/u.test(text)) || POINTER.test(text);
}

/** Counts the terms after a name in a list of pages: `Cron jobs - Run a command at a time`. */
function countAfterName(text: string): number {
  return toTerms(text.split(/\s[-–—]\s/).at(-1) ?? '').length;
}

/** Scores the words that stand only around a candidate, as a share of all words. */
function scoreContext(
  { kind, terms, above, previous, isDependent }: Candidate,
  words: readonly WeightedWord[],
): number {
  const missing = words.filter((word) => !contains(terms, word));
  if (missing.length === 0) return 0;
  const total = sumWeights(words);
  const shareIn = (context: ReadonlySet<string>) =>
    sumWeights(missing.filter((word) => contains(context, word))) / total;
  const neighbourWeight = isDependent ? REFERENCE_WEIGHT : NEIGHBOUR_WEIGHT;
  return Math.max(
    (kind === 'ROW' ? ABOVE_ROW_WEIGHT : ABOVE_WEIGHT) * shareIn(above),
    previous === undefined || kind === 'LIST' ? 0 : neighbourWeight * shareIn(previous.terms),
  );
}

function scoreForm(candidate: Candidate, hasWord: boolean, question: ScoredQuestion): number {
  const { words, form } = question;
  const topicScore = scoreTopic(candidate, question);
  const { kind, hit, start, end, code, previous } = candidate;
  if (!hasWord) return topicScore;
  const text = hit.passage.text.slice(kind === 'LIST' ? (previous?.start ?? start) : start, end);
  const stepsScore =
    form.kind === 'HOW_TO' && (kind === 'LIST' || code !== undefined)
      ? STEPS_BONUS * shareIntroduced(candidate, words)
      : 0;
  const evidenceScore = form.evidence?.test(text) ? EVIDENCE_BONUS : 0;
  return topicScore + stepsScore + evidenceScore;
}

/**
 * Whether a candidate is a definition of the question's subject, or the first sentence under a heading that names it.
 */
export function introducesTopic(candidate: Candidate, question: ScoredQuestion): boolean {
  return scoreTopic(candidate, question) >= TOPIC_THRESHOLD;
}

/** Whether a candidate says what the subject of a question is. */
export function defines(candidate: Candidate, { subject }: ScoredQuestion): boolean {
  return scoreDefinition(candidate, subject) >= LABEL_BONUS;
}

function scoreTopic(candidate: Candidate, { subject, form }: ScoredQuestion): number {
  const isDefinition = form.kind === 'DEFINITION';
  const topicBonus = isDefinition || subject.length <= MAX_TOPIC_WORDS ? TOPIC_BONUS : HEADING_BONUS;
  const fits = headingsOf(candidate).map((heading) => fitHeading(heading, subject));
  return Math.max(topicBonus * Math.max(0, ...fits), isDefinition ? scoreDefinition(candidate, subject) : 0);
}

/** The headings directly above a candidate: its paragraph's label, and the last heading if it is the first below it. */
function headingsOf({ kind, hit, block, previous, label, isFirst }: Candidate): string[] {
  if (kind === 'ENTRY') return [];
  const isFirstInBlock = label !== '' && previous?.block !== block;
  return [isFirstInBlock ? label : '', isFirst ? (hit.passage.headingPath.at(-1) ?? hit.title) : ''].filter(Boolean);
}

/** Returns 1 for a heading that has just the words of a question, less for one with fewer or other words. */
function fitHeading(heading: string, words: readonly WeightedWord[]): number {
  const terms = new Set(toContentTerms(heading));
  const found = words.filter((word) => contains(terms, word));
  if (found.length === 0) return 0;
  return (sumWeights(found) / sumWeights(words)) * Math.sqrt(found.length / Math.max(found.length, terms.size));
}

function scoreDefinition({ kind, hit, start, end }: Candidate, words: readonly WeightedWord[]): number {
  if (kind !== 'SENTENCE' && kind !== 'ITEM' && kind !== 'ROW') return 0;
  const subjectText = hit.passage.text.slice(start, Math.min(end, start + MAX_SUBJECT_LENGTH));
  const tokens = subjectText.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const first = DETERMINERS.has(tokens[0] ?? '') ? 1 : 0;
  const subject = new Set(tokens.slice(first, first + words.length).flatMap(toTerms));
  if (!words.every((word) => contains(subject, word))) return 0;
  if (kind === 'ROW') return isLabel(subjectText.split('|', 1)[0] ?? '', words) ? LABEL_BONUS : 0;
  if (DEFINING.has(tokens[first + words.length] ?? '')) return DEFINITION_BONUS;
  // A link at the start of an item leads to a page about the subject, and defines nothing.
  const isTerm = kind === 'ITEM' && !subjectText.startsWith('[');
  const [label = ''] = subjectText.split(/[:–—]| - /, 1);
  const isExplained = toTerms(subjectText.slice(label.length)).length >= MIN_SENTENCE_TERMS;
  return isTerm && isExplained && isLabel(label, words) ? LABEL_BONUS : SUBJECT_BONUS;
}

/** Whether a text has no content words except those of the question. */
function isLabel(text: string, words: readonly WeightedWord[]): boolean {
  return toContentTerms(text).every((term) => words.some(({ terms }) => terms.includes(term)));
}

function contains(terms: ReadonlySet<string>, { terms: alternatives }: WeightedWord): boolean {
  return alternatives.some((term) => terms.has(term));
}

function sumWeights(words: readonly WeightedWord[]): number {
  return words.reduce((sum, { weight }) => sum + weight, 0);
}
