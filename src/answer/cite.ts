import type { Citation } from '../domain/entities.ts';
import { toContentTerms, toTerms } from '../domain/language/terms.ts';
import { MAX_CITATIONS } from '../domain/shared-limits.ts';
import { type AnswerSegment, createMarkerReader } from './citation-markers.ts';
import type { AnswerEvent } from './engine.ts';
import { createQuoteFinder } from './find-quote.ts';
import { differInLanguage, type Language, readLanguage } from './languages.ts';
import type { Hit } from './retrieve.ts';
import { PLAIN_MARKS, type SourceMarks } from './source-marks.ts';
import { findStatement } from './statements.ts';

/** Splits a model's output into text and supported citations. */
export interface CitationReader {
  /** Returns deltas and citations; a citation follows the text that it refers to. */
  read(text: string): AnswerEvent[];
  /** Returns the events of the text that is still buffered at the end of the output. */
  end(): AnswerEvent[];
}

/** A passage in the prompt, prepared for comparison with statements. */
interface Evidence {
  readonly hit: Hit;
  readonly terms: ReadonlySet<string>;
  readonly language: Language;
  /** Created when the passage first supports a statement. */
  findQuote: ReturnType<typeof createQuoteFinder> | undefined;
}

/** The maximum number of markers that are checked; each takes time, even without a citation. */
const MAX_MARKERS = 200;

/**
 * The share of a statement's content words that its passage, with headings and title, must contain. On the SQuAD
 * sample, the statements are the questions, each joined with its answer. Each statement reaches this share in its own
 * passage. In a passage of another article, 1.9 % of the statements reach it; 4.2 % would reach a share of 0.2.
 */
const MIN_SHARE = 0.25;

/** Key terms: numbers of two or more digits, and names, which are words capitalized inside a sentence. */
const NUMBER = /(?<!\p{N})\d{2,}/gu;
const NAME = /(?<=[\p{Ll}\p{N},] )\p{Lu}[\p{L}\p{N}]+/gu;

/**
 * Creates a reader for the answer of a model whose prompt contained `passages`, numbered from 1 with `marks`. The reader
 * removes each marker. A marker becomes a citation for the statement before it if the marker's passage exists, supports
 * the statement, and is not yet cited for it. After ten citations or 200 markers, no marker becomes a citation.
 */
export function createCitationReader(passages: readonly Hit[], marks: SourceMarks = PLAIN_MARKS): CitationReader {
  const markers = createMarkerReader(passages.length, marks);
  /** By passage number. */
  const preparedEvidence = new Map<number, Evidence>();
  const cited = new Set<string>();
  let text = '';
  let markerCount = 0;
  let lastMarkerOffset = 0;
  /** The statement before the last marker. */
  let statement: ReturnType<typeof findStatement>;

  function toEvents(segment: AnswerSegment): AnswerEvent[] {
    if (typeof segment === 'string') {
      text += segment;
      return [{ type: 'delta', text: segment }];
    }
    if (cited.size >= MAX_CITATIONS || markerCount >= MAX_MARKERS) return [];
    markerCount += 1;
    if (text.length > lastMarkerOffset) statement = findStatement(text, lastMarkerOffset);
    lastMarkerOffset = text.length;
    const passageNumber = segment;
    const hit = passages[passageNumber - 1];
    if (statement === undefined || hit === undefined) return [];
    const key = `${hit.passage.id} ${statement.start} ${statement.end}`;
    const evidence = preparedEvidence.get(passageNumber) ?? createEvidence(hit);
    preparedEvidence.set(passageNumber, evidence);
    const citation = cited.has(key) ? undefined : createCitation(text, statement, evidence);
    if (citation === undefined) return [];
    cited.add(key);
    return [{ type: 'citation', citation }];
  }

  return {
    read: (delta) => joinDeltas(markers.read(delta).flatMap(toEvents)),
    end: () => joinDeltas(markers.end().flatMap(toEvents)),
  };
}

/** Joins the deltas before and after a removed marker, because every delta is sent to all subscribers. */
function joinDeltas(events: readonly AnswerEvent[]): AnswerEvent[] {
  const joined: AnswerEvent[] = [];
  for (const event of events) {
    const last = joined.at(-1);
    const areDeltas = event.type === 'delta' && last?.type === 'delta';
    if (areDeltas) joined[joined.length - 1] = { type: 'delta', text: last.text + event.text };
    else joined.push(event);
  }
  return joined;
}

function createEvidence(hit: Hit): Evidence {
  const { headingPath, text } = hit.passage;
  const words = [hit.title, ...headingPath, text].join('\n');
  return { hit, terms: new Set(toTerms(words)), language: readLanguage(text), findQuote: undefined };
}

function createCitation(
  text: string,
  { start, end }: { start: number; end: number },
  evidence: Evidence,
): Citation | undefined {
  const { hit } = evidence;
  const statement = text.slice(start, end);
  const terms = toContentTerms(statement);
  if (!isSupported(statement, terms, evidence)) return undefined;
  evidence.findQuote ??= createQuoteFinder(hit);
  const quote = evidence.findQuote(terms);
  if (quote === undefined) return undefined;
  const { id: passageId, sourceId } = hit.passage;
  return { passageId, sourceId, title: hit.title, url: hit.url, quote, start, end };
}

/**
 * Whether a passage supports a statement: they share enough words, a number or a name. If the two are in different
 * languages, their words cannot be compared, and the citation is accepted.
 */
function isSupported(statement: string, terms: readonly string[], evidence: Evidence): boolean {
  const { terms: passageTerms, language } = evidence;
  if (terms.length === 0) return false;
  const shared = terms.filter((term) => passageTerms.has(term)).length;
  if (shared >= MIN_SHARE * terms.length) return true;
  const keyTerms = [...statement.matchAll(NUMBER), ...statement.matchAll(NAME)].flatMap(([match]) => toTerms(match));
  return keyTerms.some((term) => passageTerms.has(term)) || differInLanguage(readLanguage(statement), language);
}
