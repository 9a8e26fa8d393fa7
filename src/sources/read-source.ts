import { countWords, toTerms } from '../domain/language/terms.ts';
import { type Chunk, chunkMarkdown } from './chunk.ts';
import { cleanText } from './clean-text.ts';
import { readDocument } from './kinds/read-document.ts';
import { toIndexedText, toPassageTerms } from './passage-terms.ts';
import { findFirstLine } from './plain-title.ts';
import { createRepetitionTest } from './repeated-chunks.ts';

/** The content of a source: either a text, or a question with its answer. */
export interface SourceContent {
  readonly text?: string | null | undefined;
  readonly qa?: { readonly question: string; readonly answer: string } | null | undefined;
}

/**
 * A source to read. If `title` is absent, it becomes the question, the title in the front matter or head of the text, or
 * its first heading or line.
 */
export interface SourceToRead {
  readonly title?: string | undefined;
  readonly content: SourceContent;
}

/** A chunk of a source with its index terms, separated by spaces. */
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
 * together, each counted with the title and its headings, and the number of all their words. A text of a million units
 * in any language stays below these limits.
 */
const MAX_INDEXED_CHARS = 5_000_000;
const MAX_WORDS = 1_500_000;

/** Reads a source into passages and finds their terms. Takes linear time: one second for 1 MB. */
export function readSource(source: SourceToRead): ReadResult {
  const { qa, text } = source.content;
  if (qa) return indexChunks(source, source.title ?? toTitle(qa.question), [createAnswerChunk(qa)]);
  const document = readDocument(text ?? '');
  const { markdown } = document;
  const title = source.title ?? toTitle(document.title ?? findFirstLine(markdown));
  if (document.isRedirect) return { title, passages: [], failure: 'The page only sends its readers to another page.' };
  if (markdown === '' && cleanText(text ?? '').trim() !== '')
    return { title, passages: [], failure: 'The text has no words, only markup.' };
  const chunks = chunkMarkdown(markdown);
  const isTitleKept = source.title === undefined || document.title === undefined || document.title === source.title;
  return indexChunks(
    source,
    title,
    isTitleKept ? chunks : chunks.map((chunk) => addHeading(document.title ?? '', chunk)),
  );
}

function indexChunks(source: SourceToRead, title: string, chunks: readonly Chunk[]): ReadResult {
  const passages: IndexedChunk[] = [];
  const isRepetition = createRepetitionTest();
  let charCount = 0;
  let wordCount = 0;
  for (const chunk of chunks) {
    charCount += toIndexedText(title, chunk).length;
    if (charCount > MAX_INDEXED_CHARS)
      return createReadFailure(source, 'The text has too many sections under long headings.');
    const terms = toPassageTerms(title, chunk);
    const ownWordCount = countWords(terms);
    wordCount += ownWordCount;
    if (wordCount > MAX_WORDS) return createReadFailure(source, 'The text has too many words.');
    const headingCount = toTerms([title, ...chunk.headingPath].join('\n')).length;
    if (!isRepetition(terms.slice(0, headingCount), terms.slice(headingCount, ownWordCount)))
      passages.push({ ...chunk, terms: terms.join(' ') });
  }
  return { title, passages, failure: null };
}

function createAnswerChunk({ question, answer }: { question: string; answer: string }): Chunk {
  return { headingPath: [question], text: answer };
}

/** Puts the title that a text gives itself above its headings, unless its first heading repeats it. */
function addHeading(title: string, { headingPath, text }: Chunk): Chunk {
  return { headingPath: headingPath[0] === title ? headingPath : [title, ...headingPath], text };
}

/** Creates the result for a source that cannot be read. It is fast, because it reads only the start of the text. */
export function createReadFailure({ title, content: { qa, text } }: SourceToRead, failure: string): ReadResult {
  if (title !== undefined) return { title, passages: [], failure };
  const document = qa ? undefined : readDocument((text ?? '').slice(0, 5_000));
  const line = qa?.question ?? document?.title ?? findFirstLine(document?.markdown ?? '');
  return { title: toTitle(line), passages: [], failure };
}

/** Makes a title of a line: cut to the maximum length; `Untitled` if it has no text. */
function toTitle(line: string): string {
  const words = line.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return words.slice(0, MAX_TITLE_CHARS).toWellFormed().trim() || 'Untitled';
}
