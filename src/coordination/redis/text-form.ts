import type { Citation } from '../../domain/entities.ts';
import type { WrittenText } from '../live-texts.ts';

/**
 * Where an answer stands in Redis: its text, its citations one by one, and the channel on which their pieces are told.
 */
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

/** What is said on the channel of an answer that has ended; else it is a `TextDelta` as JSON. */
export const END = 'end';

/** A piece of an answer: the text from `offset` on, in UTF-16 code units, and the citations from the `cited`th on. */
export interface TextDelta {
  readonly offset: number;
  readonly text: string;
  readonly cited: number;
  readonly citations: readonly Citation[];
}

/** Cuts off what comes after so much of an answer. */
export function cutDelta({ content, citations }: WrittenText, offset: number, cited: number): TextDelta {
  return { offset, text: content.slice(offset), cited, citations: citations.slice(cited) };
}

/**
 * Puts a piece to what is known of the same answer. Whatever overlaps is the same, so what comes twice or late adds
 * nothing.
 * @returns `undefined` when something is missing between the two.
 */
export function joinDelta(known: WrittenText, { offset, text, cited, citations }: TextDelta): WrittenText | undefined {
  const { length } = known.content;
  if (offset > length || cited > known.citations.length) return undefined;
  const added = citations.slice(known.citations.length - cited);
  return {
    content: known.content + text.slice(length - offset),
    citations: added.length > 0 ? [...known.citations, ...added] : known.citations,
  };
}
