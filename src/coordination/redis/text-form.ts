import type { Citation } from '../../domain/entities.ts';
import type { AnswerText } from '../live-texts.ts';

/** The names of an answer in Redis: its text, its citations, and the channel of its deltas. */
export interface TextNames {
  readonly text: string;
  readonly citations: string;
  readonly channel: string;
}

/** The names, without the prefix. */
export const textNames = (messageId: string): TextNames => ({
  text: `text:${messageId}`,
  citations: `citations:${messageId}`,
  channel: `delta:${messageId}`,
});

/** The message that ends the channel of an answer; any other is a `TextDelta` as JSON. */
export const END = 'end';

/** A piece of an answer: the text from `offset` on, in UTF-16 code units, and the citations from index `cited` on. */
export interface TextDelta {
  readonly offset: number;
  readonly text: string;
  readonly cited: number;
  readonly citations: readonly Citation[];
}

/** Returns the part of an answer after an offset and a number of citations. */
export function sliceDelta({ content, citations }: AnswerText, offset: number, cited: number): TextDelta {
  return { offset, text: content.slice(offset), cited, citations: citations.slice(cited) };
}

/**
 * Appends a delta to the known part of the same answer. Overlapping text is equal, so a repeated or late delta adds
 * nothing.
 * @returns `undefined` when there is a gap between the two.
 */
export function joinDelta(known: AnswerText, { offset, text, cited, citations }: TextDelta): AnswerText | undefined {
  const { length } = known.content;
  if (offset > length || cited > known.citations.length) return undefined;
  const added = citations.slice(known.citations.length - cited);
  return {
    content: known.content + text.slice(length - offset),
    citations: added.length > 0 ? [...known.citations, ...added] : known.citations,
  };
}
