import type { AnswerText } from '../coordination/live-texts.ts';
import type { Deps } from '../deps.ts';
import type { Message, MessageStatus } from '../domain/entities.ts';

/** A position in the text and the citations of a message. */
export interface TextPosition {
  /** UTF-16 code units. */
  readonly offset: number;
  readonly citations: number;
  /** The checksum of the text before the offset. It distinguishes the text from one that replaced it after a restore. */
  readonly checksum: number;
}

/** The number of characters before the offset that the checksum covers. */
const CHECKED_CHARS = 32;
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The pattern of an encoded position, with the groups `offset`, `citations` and `checksum`. */
export const TEXT_POSITION_PATTERN = '(?<offset>\\d{1,9})_(?<citations>\\d{1,3})_(?<checksum>[0-9a-z]{1,7})';

/** The statuses of a reply whose readers may have received more than is stored. */
const MAY_BE_CUT: ReadonlySet<MessageStatus> = new Set(['STREAMING', 'INTERRUPTED', 'STOPPED']);

/** The beginning of a text. */
export const TEXT_START: TextPosition = { offset: 0, citations: 0, checksum: FNV_BASIS };

/** Computes the checksum (FNV-1a) of the 32 characters before an offset. */
export function checksumAt(text: string, offset: number): number {
  let sum = FNV_BASIS;
  for (let at = Math.max(0, offset - CHECKED_CHARS); at < offset; at++) {
    sum = Math.imul(sum ^ text.charCodeAt(at), FNV_PRIME);
  }
  return sum >>> 0;
}

/** Encodes a position, for a cursor. */
export function encodeTextPosition({ offset, citations, checksum }: TextPosition): string {
  return `${offset}_${citations}_${checksum.toString(36)}`;
}

/** Decodes a position from the groups of `TEXT_POSITION_PATTERN`. */
export function decodeTextPosition({
  offset,
  citations,
  checksum = '',
}: Record<string, string | undefined>): TextPosition {
  return { offset: Number(offset), citations: Number(citations), checksum: Number.parseInt(checksum, 36) };
}

/**
 * Returns whether the reader at a position has received a text that differs from the current one. A position beyond the
 * current text is no difference where a crash may have cut the reply (it is interrupted, or stopped as was asked before the
 * crash) or another process generates it: then the reader may have received more than this process knows.
 */
export function isDifferentText(
  { liveReplies }: Pick<Deps, 'liveReplies'>,
  { offset, citations, checksum }: TextPosition,
  current: AnswerText & { readonly message: Pick<Message, 'id' | 'status'> },
): boolean {
  const { id, status } = current.message;
  if (offset > current.content.length || citations > current.citations.length) {
    return liveReplies.has(id) || !MAY_BE_CUT.has(status);
  }
  return checksumAt(current.content, offset) !== checksum;
}
