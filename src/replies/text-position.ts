import type { AnswerText } from '../coordination/live-texts.ts';
import type { Deps } from '../deps.ts';
import type { Message, MessageStatus } from '../domain/entities.ts';

/** A position in the text and the citations of a message. */
export interface TextPosition {
  /** The number of UTF-16 code units before the position. */
  readonly offset: number;
  /** The number of citations before the position. */
  readonly citations: number;
  /** The checksum of the text before the offset. It shows whether a restore has replaced that text with another. */
  readonly checksum: number;
}

/** The number of characters before the offset that the checksum covers. */
const CHECKSUM_CHARS = 32;
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The pattern of an encoded position, with the groups `offset`, `citations` and `checksum`. */
export const TEXT_POSITION_PATTERN = '(?<offset>\\d{1,9})_(?<citations>\\d{1,3})_(?<checksum>[0-9a-z]{1,7})';

/** The statuses of a reply whose subscribers may have received more text than is stored. */
const POSSIBLY_TRUNCATED_STATUSES: ReadonlySet<MessageStatus> = new Set(['STREAMING', 'INTERRUPTED', 'STOPPED']);

/** The beginning of a text. */
export const TEXT_START: TextPosition = { offset: 0, citations: 0, checksum: FNV_BASIS };

/** Computes the checksum (FNV-1a) of the 32 characters before an offset. */
export function checksumAt(text: string, offset: number): number {
  let sum = FNV_BASIS;
  for (let index = Math.max(0, offset - CHECKSUM_CHARS); index < offset; index++) {
    sum = Math.imul(sum ^ text.charCodeAt(index), FNV_PRIME);
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
 * Returns whether the subscriber at a position has received a text that differs from the current text. A position
 * beyond the current text counts as a difference, unless another process is generating the reply, or a crash may have
 * truncated it (its status is INTERRUPTED, or STOPPED because of a request before the crash). In these cases the
 * subscriber may have received more text than this process knows.
 */
export function hasReceivedDifferentText(
  { liveReplies }: Pick<Deps, 'liveReplies'>,
  { offset, citations, checksum }: TextPosition,
  current: AnswerText & { readonly message: Pick<Message, 'id' | 'status'> },
): boolean {
  const { id, status } = current.message;
  if (offset > current.content.length || citations > current.citations.length) {
    return liveReplies.has(id) || !POSSIBLY_TRUNCATED_STATUSES.has(status);
  }
  return checksumAt(current.content, offset) !== checksum;
}
