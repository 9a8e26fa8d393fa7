import type { Citation } from '../../domain/entities.ts';
import type { AnswerText } from '../live-texts.ts';

/** The Redis keys of an answer's text and citations, and the channel of its deltas. */
export interface TextNames {
  readonly text: string;
  readonly citations: string;
  readonly channel: string;
}

/** Returns the names for an answer, without the prefix of the installation. */
export const textNames = (messageId: string): TextNames => ({
  text: `text:${messageId}`,
  citations: `citations:${messageId}`,
  channel: `delta:${messageId}`,
});

/** The message that ends the channel of an answer; any other is a `TextDelta` as JSON. */
export const END_MESSAGE = 'end';

/**
 * A piece of an answer: the text from `offset` on, in UTF-16 code units, and the citations from index `cited` on (the
 * number of earlier citations).
 */
export interface TextDelta {
  readonly offset: number;
  readonly text: string;
  readonly cited: number;
  readonly citations: readonly Citation[];
}

/** Returns the part of an answer after an offset and a number of citations. */
export function sliceDelta({ content, citations }: AnswerText, offset: number, citationOffset: number): TextDelta {
  return { offset, text: content.slice(offset), cited: citationOffset, citations: citations.slice(citationOffset) };
}

/**
 * Appends a delta to the known part of the same answer. An overlap is skipped, so a repeated or late delta adds
 * nothing.
 * @returns `undefined` when there is a gap between the two.
 */
export function joinDelta(
  known: AnswerText,
  { offset, text, cited: citationOffset, citations }: TextDelta,
): AnswerText | undefined {
  const { length } = known.content;
  if (offset > length || citationOffset > known.citations.length) return undefined;
  const added = citations.slice(known.citations.length - citationOffset);
  return {
    content: known.content + text.slice(length - offset),
    citations: added.length > 0 ? [...known.citations, ...added] : known.citations,
  };
}
