import type { WrittenText } from '../coordination/live-texts.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';

/** How much of a text a reader was given. */
export interface TextPosition {
  /** UTF-16 code units. */
  readonly offset: number;
  readonly citations: number;
  /** The checksum of the text at the offset: tells a text from another that was written in its place after a restore. */
  readonly checksum: number;
}

/** How many characters before an offset identify the text. */
const CHECKED_CHARS = 32;
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** What describes a position in a pattern of a cursor, as the groups `offset`, `citations` and `checksum`. */
export const TEXT_POSITION_PATTERN = '(?<offset>\\d{1,9})_(?<citations>\\d{1,3})_(?<checksum>[0-9a-z]{1,7})';

/** The beginning of a text. */
export const TEXT_START: TextPosition = { offset: 0, citations: 0, checksum: FNV_BASIS };

/** Computes the checksum (FNV-1a) of the last characters of a text before an offset. */
export function checksumAt(text: string, offset: number): number {
  let sum = FNV_BASIS;
  for (let at = Math.max(0, offset - CHECKED_CHARS); at < offset; at++) {
    sum = Math.imul(sum ^ text.charCodeAt(at), FNV_PRIME);
  }
  return sum >>> 0;
}

/** Writes a position, for a cursor. */
export function encodeTextPosition({ offset, citations, checksum }: TextPosition): string {
  return `${offset}_${citations}_${checksum.toString(36)}`;
}

/** Reads a position from the groups of a cursor. */
export function decodeTextPosition({
  offset,
  citations,
  checksum = '',
}: Record<string, string | undefined>): TextPosition {
  return { offset: Number(offset), citations: Number(citations), checksum: Number.parseInt(checksum, 36) };
}

/**
 * Whether a reader at a position was given another text than the one that is written now. Of a reply that a crash has
 * interrupted, or another process writes, a reader may have seen more than is known here.
 */
export function isDifferentText(
  { liveReplies }: Pick<Deps, 'liveReplies'>,
  { offset, citations, checksum }: TextPosition,
  written: WrittenText & { readonly message: Pick<Message, 'id' | 'status'> },
): boolean {
  const { id, status } = written.message;
  if (offset > written.content.length || citations > written.citations.length) {
    return liveReplies.has(id) || (status !== 'STREAMING' && status !== 'INTERRUPTED');
  }
  return checksumAt(written.content, offset) !== checksum;
}
