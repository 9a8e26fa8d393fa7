import { toTerms } from '../domain/terms.ts';
import { type Chunk, chunkMarkdown, cleanText } from './chunk.ts';

/** What a source is made from: exactly one of a text and a question with its answer. */
export interface SourceContent {
  readonly text?: string | null | undefined;
  readonly qa?: { readonly question: string; readonly answer: string } | null | undefined;
}

/** A source to read; without a title it is given the question, or the first heading or line of the text. */
export interface SourceToRead {
  readonly title?: string | undefined;
  readonly content: SourceContent;
}

/** A piece of a source with the terms that it is found by, in their order, with spaces between. */
export interface ReadPassage extends Chunk {
  readonly terms: string;
}

/** What was read, or the public reason why nothing was. */
export type ReadResult =
  | { readonly title: string; readonly passages: readonly ReadPassage[]; readonly failure: null }
  | { readonly title: string; readonly passages: readonly []; readonly failure: string };

/** In UTF-16 units. */
export const MAX_TITLE_CHARS = 255;

/**
 * In UTF-16 units of passages with the headings above them, which each passage below repeats, and in terms: what takes
 * seconds to write. A million units of any language come to less.
 */
const MAX_PASSAGE_CHARS = 5_000_000;
const MAX_TERMS = 1_500_000;

/** Cuts a source into passages and finds their terms. Linear; 1 MB takes a second. */
export function readSource(source: SourceToRead): ReadResult {
  const { content, title = deriveTitle(content) } = source;
  const chunks = content.qa
    ? [{ headingPath: [content.qa.question], text: content.qa.answer }]
    : chunkMarkdown(content.text ?? '');
  const passages: ReadPassage[] = [];
  let charCount = 0;
  let termCount = 0;
  for (const chunk of chunks) {
    const indexed = [title, ...chunk.headingPath, chunk.text].join('\n');
    charCount += indexed.length;
    if (charCount > MAX_PASSAGE_CHARS)
      return createReadFailure(source, 'The text has too many sections under long headings.');
    const terms = toTerms(indexed);
    termCount += terms.length;
    if (termCount > MAX_TERMS) return createReadFailure(source, 'The text has too many words.');
    passages.push({ ...chunk, terms: terms.join(' ') });
  }
  return { title, passages, failure: null };
}

/** The result for a source that cannot be read, in little time. */
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
