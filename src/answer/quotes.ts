import { toTerms } from '../domain/language/terms.ts';
import type { Hit, Retrieval } from './retrieve.ts';
import { scoreTerms, type WeightedWord } from './score-passage.ts';
import { splitSentences } from './sentences.ts';

/** A span of a passage that answers the question or a part of it. */
export interface Quote {
  readonly hit: Hit;
  /** Offset in the passage's text, in UTF-16 units. */
  readonly start: number;
  /** The text to display: the passage's text, with line breaks inside a sentence replaced by spaces. */
  readonly text: string;
}

/** A possible quote, with the text by which it is scored and its weight. */
interface Candidate {
  readonly quote: Quote;
  readonly text: string;
  readonly weight: number;
}

const MAX_QUOTES = 3;
const MAX_HITS = 5;

/** The maximum number of a statement's terms that are compared with a passage; later terms are ignored. */
const MAX_COMPARED_TERMS = 64;

/**
 * A quote's score is the score of its words plus the score of its passage times `PASSAGE_WEIGHT`. A further quote is
 * chosen if its score is at least `MIN_SHARE` of the best quote's score. On the SQuAD sample the best quote contains a
 * gold answer for 80 % of the questions, and the chosen quotes (1.7 on average) contain one for 87 %. If three quotes
 * were always chosen, they would contain one for 89 %.
 */
const PASSAGE_WEIGHT = 0.5;
const MIN_SHARE = 0.75;

/** In terms: only above this length does the length of a quote lower its score. Shorter quotes answer equally well. */
const LONG_QUOTE_TERMS = 40;

/**
 * The bonus of a sentence with the kind of content that the question asks for, such as a date. On the SQuAD sample it
 * raises the share of questions whose quotes contain a gold answer by 0.7 percentage points.
 */
const KIND_BONUS = 0.1;

/** The bonus of a definition when the question asks for one. It is large, because a definition is a full answer. */
const DEFINITION_BONUS = 0.5;

/** The weight of a line of code, which rarely answers a question by itself. */
const CODE_WEIGHT = 0.5;

/** Kinds of English questions: a pattern of the question in lower case, and one of the sentences that may answer it. */
const QUESTION_KINDS: readonly { questionPattern: RegExp; sentencePattern: RegExp; bonus?: number }[] = [
  {
    bonus: DEFINITION_BONUS,
    questionPattern:
      /^\W*(?:what(?:'s| is| are| does)|who(?:'s| is)|tell me about|explain) (?:an? |the )?[\w-]+(?: [\w-]+)?(?: do-*)?(?:[^\w-]\W*)?$/,
    sentencePattern:
      /^\W*(?:(?:[Aa]n?|[Tt]he) )?\w[\w-]*(?: -*\w[\w-]*)?(?:[^\w-]\W*)? (?:is|are|was|were) (?:an?|the|one) /,
  },
  {
    questionPattern: /\bwhen\b|\b(?:what|which) (?:year|date|day|month|time|decade|century)\b/,
    sentencePattern:
      /\b(?:1\d|20)\d\d\b|\b\d{1,2}(?:st|nd|rd|th|:\d\d| ?[ap]m)\b|\b(?:jan|febr)uary|\b(?:march|april|may|june|july|august|(?:septem|octo|novem|decem)ber|century|today)\b|\wday\b/i,
  },
  {
    questionPattern:
      /\bhow (?:many|much|long|old|far|tall|big|large|often|fast|high|deep)\b|\b(?:what|which) (?:percent|number|amount|price)/,
    sentencePattern:
      /\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|half|third|quarter|free)\b/i,
  },
  { questionPattern: /\bwho(?:m|se)?\b/, sentencePattern: /[^.!?\s]\s["“(]?\p{Lu}\p{Ll}/u },
  { questionPattern: /\bwhere\b/, sentencePattern: /\b(?:in|at|near|from|to|on)\s(?:the\s)?\p{Lu}\p{Ll}/u },
  {
    questionPattern: /\bwhy\b|\breasons?\b/,
    sentencePattern: /\b(?:because|since|due to|so that|in order to|as a result|caused?|reasons?|therefore)\b/i,
  },
];

/**
 * Chooses the quotes that answer a question: from the best five passages, the best sentence and up to two more whose
 * scores are near its score. The quotes of the best source come first, each source's in the order of its text. The
 * answer of a question-answer entry is one quote. Empty when there are no hits.
 */
export function chooseQuotes(question: string, { hits, words }: Pick<Retrieval, 'hits' | 'words'>): Quote[] {
  const bestHits = hits.slice(0, MAX_HITS);
  const lowerCaseQuestion = question.toLowerCase();
  const kind = QUESTION_KINDS.find(({ questionPattern }) => questionPattern.test(lowerCaseQuestion));
  const scored = uniqueByText(bestHits.flatMap(findCandidates))
    .map((candidate) => ({
      quote: candidate.quote,
      score: scoreCandidate(candidate, toTerms(candidate.text), words, kind),
    }))
    .sort((a, b) => b.score - a.score)
    .slice(0, MAX_QUOTES);
  const minScore = MIN_SHARE * (scored[0]?.score ?? 0);
  const sourceIds = bestHits.map(({ passage }) => passage.sourceId);
  return scored
    .filter(({ score }) => score >= minScore)
    .map(({ quote }) => quote)
    .sort(
      (a, b) =>
        sourceIds.indexOf(a.hit.passage.sourceId) - sourceIds.indexOf(b.hit.passage.sourceId) ||
        a.hit.passage.position - b.hit.passage.position ||
        a.start - b.start,
    );
}

/**
 * Creates a function that finds the span of a passage that matches given terms best. It compares the first 64 terms,
 * and returns undefined when nothing in the passage can be quoted.
 */
export function createQuoteFinder(hit: Hit): (terms: readonly string[]) => Quote | undefined {
  const candidates = findCandidates(hit).map((candidate) => ({ candidate, terms: toTerms(candidate.text) }));
  const counts = new Map<string, number>();
  for (const { terms } of candidates) for (const term of new Set(terms)) counts.set(term, (counts.get(term) ?? 0) + 1);
  return (terms) => {
    // Words in many sentences of the passage weigh little.
    const words = terms.slice(0, MAX_COMPARED_TERMS).map((term) => ({
      ...{ text: term, terms: [term] },
      weight: Math.log(1 + candidates.length / (1 + (counts.get(term) ?? 0))),
    }));
    let best: Quote | undefined;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const { candidate, terms } of candidates) {
      const score = scoreCandidate(candidate, terms, words, undefined);
      if (score <= bestScore) continue;
      best = candidate.quote;
      bestScore = score;
    }
    return best;
  };
}

function findCandidates(hit: Hit): Candidate[] {
  const { text, headingPath } = hit.passage;
  if (hit.sourceType === 'QA') {
    // The words of an entry's question count too, because its answer may not repeat them.
    const quote = { hit, start: 0, text: text.trim() };
    return [{ quote, text: [...headingPath, text].join('\n'), weight: 1 }];
  }
  const candidates: Candidate[] = [];
  let precedingQuestion = '';
  for (const { start, end, announcedStart = end, isCode = false } of splitSentences(text)) {
    const sentence = text.slice(start, announcedStart).replace(/\n\s*/g, ' ');
    const announcedText = text.slice(announcedStart, end);
    // A question is not an answer, but the next sentence probably answers it, perhaps without repeating its words.
    if (/[?？]$/.test(sentence)) {
      precedingQuestion = sentence;
      continue;
    }
    const sentenceText = isCode ? sentence : sentence + announcedText;
    candidates.push({
      quote: { hit, start, text: sentence + announcedText },
      text: precedingQuestion === '' ? sentenceText : `${precedingQuestion}\n${sentenceText}`,
      weight: isCode && announcedText === '' ? CODE_WEIGHT : 1,
    });
    precedingQuestion = '';
  }
  return candidates;
}

function uniqueByText(candidates: readonly Candidate[]): Candidate[] {
  return [
    ...new Map(candidates.toReversed().map((candidate) => [candidate.quote.text, candidate])).values(),
  ].toReversed();
}

function scoreCandidate(
  { quote, weight }: Candidate,
  terms: readonly string[],
  words: readonly WeightedWord[],
  kind: (typeof QUESTION_KINDS)[number] | undefined,
): number {
  const wordScore = weight * scoreTerms([...new Set(terms)], words, Math.max(1, terms.length / LONG_QUOTE_TERMS));
  const bonus = wordScore > 0 && kind?.sentencePattern.test(quote.text) ? (kind.bonus ?? KIND_BONUS) : 0;
  return wordScore + bonus + PASSAGE_WEIGHT * quote.hit.score;
}
