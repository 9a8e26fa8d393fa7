import { type Chunk, chunkMarkdown, cleanText } from './chunk.ts';
import { toIndexedText, toPassageTerms } from './passage-terms.ts';

/** The content of a source: either a text, or a question with its answer. */
export interface SourceContent {
  readonly text?: string | null | undefined;
  readonly qa?: { readonly question: string; readonly answer: string } | null | undefined;
}

/** A source to read. If `title` is absent, it becomes the question, or the first heading or line of the text. */
export interface SourceToRead {
  readonly title?: string | undefined;
  readonly content: SourceContent;
}

/** A chunk of a source with its search terms: in the order of the text, separated by spaces. */
export interface IndexedChunk extends Chunk {
  readonly terms: string;
}

/** The passages of a source, or the reason, which clients see, why the source could not be read. */
export type ReadResult =
  | { readonly title: string; readonly passages: readonly IndexedChunk[]; readonly failure: null }
  | { readonly title: string; readonly passages: readonly []; readonly failure: string };

/** In UTF-16 units. */
export const MAX_TITLE_CHARS = 255;

/**
 * Limits for one source, because writing more would take the database seconds: the UTF-16 units of all its passages
 * together, each counted with the title and its headings, and the number of all their terms. A text of a million units
 * in any language stays below these limits.
 */
const MAX_INDEXED_CHARS = 5_000_000;
const MAX_TERMS = 1_500_000;

/** Splits a source into passages and finds their terms. Takes linear time: one second for 1 MB. */
export function readSource(source: SourceToRead): ReadResult {
  const { content, title = deriveTitle(content) } = source;
  const chunks = content.qa
    ? [{ headingPath: [content.qa.question], text: content.qa.answer }]
    : chunkMarkdown(content.text ?? '');
  const passages: IndexedChunk[] = [];
  let charCount = 0;
  let termCount = 0;
  for (const chunk of chunks) {
    charCount += toIndexedText(title, chunk).length;
    if (charCount > MAX_INDEXED_CHARS)
      return createReadFailure(source, 'The text has too many sections under long headings.');
    const terms = toPassageTerms(title, chunk);
    termCount += terms.length;
    if (termCount > MAX_TERMS) return createReadFailure(source, 'The text has too many words.');
    passages.push({ ...chunk, terms: terms.join(' ') });
  }
  return { title, passages, failure: null };
}

/** Creates the result for a source that cannot be read. It is fast, because it cleans only the start of the text. */
export function createReadFailure({ title, content }: SourceToRead, failure: string): ReadResult {
  return { title: title ?? deriveTitle({ ...content, text: content.text?.slice(0, 1_000) }), passages: [], failure };
}

function deriveTitle({ qa, text }: SourceContent): string {
  const first = qa?.question ?? /\S.*/.exec(cleanText(text ?? ''))?.[0] ?? '';
  return (
    first
      .replace(/^#+\s*/, '')
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .slice(0, MAX_TITLE_CHARS)
      .toWellFormed()
      .trim() || 'Untitled'
  );
}
