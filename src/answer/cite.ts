import type { Citation } from '../domain/entities.ts';
import { MAX_CITATIONS } from '../domain/limits.ts';
import { toContentTerms, toTerms } from '../domain/terms.ts';
import { type AnswerSegment, createMarkerReader } from './citation-markers.ts';
import type { AnswerEvent } from './engine.ts';
import { differInLanguage, type Language, readLanguage } from './languages.ts';
import { createQuoteFinder } from './quotes.ts';
import type { Hit } from './retrieve.ts';
import { findStatement } from './statements.ts';

/** Turns what a model writes into text and the citations that hold. */
export interface CitationReader {
  /** Deltas and citations, a citation after all of the text that it points into. */
  read(text: string): AnswerEvent[];
  /** What was held back, when the model writes no more. */
  end(): AnswerEvent[];
}

/** A passage that was given, and what its statements are compared with. */
interface Evidence {
  readonly hit: Hit;
  readonly terms: ReadonlySet<string>;
  readonly tongue: Language;
  /** Made at the first statement that the passage supports. */
  findQuote: ReturnType<typeof createQuoteFinder> | undefined;
}

/** Each takes time, whether or not a citation comes of it. */
const MAX_MARKERS = 200;

/**
 * The share of a statement's content words that its passage must hold, headings and title included. On the sample of
 * SQuAD all questions with their answers reach it in their passage, and 1.9 % in one of another article; a fifth: 4.2 %.
 */
const MIN_SHARE = 0.25;

/** What speaks for a passage by itself: a number of some length, and a name, which is capital inside a sentence. */
const NUMBER = /(?<!\p{N})\d{2,}/gu;
const NAME = /(?<=[\p{Ll}\p{N},] )\p{Lu}[\p{L}\p{N}]+/gu;

/**
 * Makes a reader for the answer of a model that was given `passages`, numbered from 1. Markers become citations of the
 * statement before them, or vanish: where no such passage was given, where nothing in it supports the statement, beyond
 * ten and behind 200 markers, and for the same passage and statement again.
 */
export function createCitationReader(passages: readonly Hit[]): CitationReader {
  const markers = createMarkerReader(passages.length);
  const evidence = new Map<number, Evidence>();
  const cited = new Set<string>();
  let text = '';
  let markerCount = 0;
  let lastMarker = 0;
  /** What the last marker stood behind. */
  let statement: ReturnType<typeof findStatement>;

  function toEvents(piece: AnswerSegment): AnswerEvent[] {
    if (typeof piece === 'string') {
      text += piece;
      return [{ type: 'delta', text: piece }];
    }
    if (cited.size >= MAX_CITATIONS || markerCount >= MAX_MARKERS) return [];
    markerCount += 1;
    if (text.length > lastMarker) statement = findStatement(text, lastMarker);
    lastMarker = text.length;
    const hit = passages[piece - 1];
    if (statement === undefined || hit === undefined) return [];
    const key = `${hit.passage.id} ${statement.start} ${statement.end}`;
    const given = evidence.get(piece) ?? readEvidence(hit);
    evidence.set(piece, given);
    const citation = cited.has(key) ? undefined : cite(text, statement, given);
    if (citation === undefined) return [];
    cited.add(key);
    return [{ type: 'citation', citation }];
  }

  return {
    read: (delta) => joinDeltas(markers.read(delta).flatMap(toEvents)),
    end: () => joinDeltas(markers.end().flatMap(toEvents)),
  };
}

/** Makes one delta of those between which a marker has vanished: each goes to everybody who listens. */
function joinDeltas(events: readonly AnswerEvent[]): AnswerEvent[] {
  const joined: AnswerEvent[] = [];
  for (const event of events) {
    const last = joined.at(-1);
    const isMore = event.type === 'delta' && last?.type === 'delta';
    if (isMore) joined[joined.length - 1] = { type: 'delta', text: last.text + event.text };
    else joined.push(event);
  }
  return joined;
}

function readEvidence(hit: Hit): Evidence {
  const { headingPath, text } = hit.passage;
  const words = [hit.title, ...headingPath, text].join('\n');
  return { hit, terms: new Set(toTerms(words)), tongue: readLanguage(text), findQuote: undefined };
}

function cite(text: string, { start, end }: { start: number; end: number }, evidence: Evidence): Citation | undefined {
  const { hit } = evidence;
  const statement = text.slice(start, end);
  const terms = toContentTerms(statement);
  if (!isSupported(statement, terms, evidence)) return undefined;
  evidence.findQuote ??= createQuoteFinder(hit);
  const quote = evidence.findQuote(terms);
  if (quote === undefined) return undefined;
  const { id: passageId, sourceId } = hit.passage;
  return { passageId, sourceId, title: hit.title, url: hit.url, quote: quote.text, start, end };
}

/**
 * Whether a passage says anything of what is stated: it shares enough words, a number or a name. Between languages words
 * prove nothing, and the model's word stands.
 */
function isSupported(statement: string, terms: readonly string[], { terms: known, tongue }: Evidence): boolean {
  if (terms.length === 0) return false;
  const shared = terms.filter((term) => known.has(term)).length;
  if (shared >= MIN_SHARE * terms.length) return true;
  const marks = [...statement.matchAll(NUMBER), ...statement.matchAll(NAME)].flatMap(([mark]) => toTerms(mark));
  return marks.some((mark) => known.has(mark)) || differInLanguage(readLanguage(statement), tongue);
}
