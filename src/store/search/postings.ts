/**
 * The postings of a term: the passages that contain it. Each passage of a chatbot has a slot, a number that is never
 * used again, and each run of `SEGMENT_SIZE` slots is a segment. The postings of one term in one segment are the bytes
 * of one row, three bytes for each passage: 10 bits of the slot within the segment, 6 bits of the number of
 * occurrences, and one byte of the passage's length. Postings have a fixed size, so a new one is appended without
 * reading the others, and the number of passages follows from the number of bytes.
 */

/** The number of slots in a segment. */
export const SEGMENT_SIZE = 1_024;

/** The number of bytes of one posting. */
export const POSTING_BYTES = 3;

/** The number of occurrences above which a posting counts no further: BM25 hardly distinguishes such numbers. */
export const MAX_COUNT = 63;

/** The length of each code, in terms. A code stores a length with an error of at most 2.2 %. */
export const LENGTHS: readonly number[] = Array.from({ length: 256 }, (_, code) => 2 ** (code / 16) - 1);

/** Encodes a posting as hexadecimal digits. `length` is the number of the passage's terms. */
export function encodePosting(slot: number, count: number, length: number): string {
  const head = ((slot % SEGMENT_SIZE) << 6) | Math.min(count, MAX_COUNT);
  return ((head << 8) | encodeLength(length)).toString(16).padStart(2 * POSTING_BYTES, '0');
}

/** Returns the bytes of a segment without the postings of some slots. */
export function removePostings(data: Uint8Array, segment: number, removedSlots: ReadonlySet<number>): Uint8Array {
  const kept = Buffer.alloc(data.length);
  let size = 0;
  for (let at = 0; at < data.length; at += POSTING_BYTES) {
    if (removedSlots.has(segment * SEGMENT_SIZE + readSlot(data, at))) continue;
    kept.set(data.subarray(at, at + POSTING_BYTES), size);
    size += POSTING_BYTES;
  }
  return kept.subarray(0, size);
}

/** The segment of a slot. */
export function segmentOf(slot: number): number {
  return Math.floor(slot / SEGMENT_SIZE);
}

/** The slot within its segment of the posting at an offset. */
export function readSlot(data: Uint8Array, at: number): number {
  return ((data[at] as number) << 2) | ((data[at + 1] as number) >> 6);
}

/** The number of occurrences of the posting at an offset. */
export function readCount(data: Uint8Array, at: number): number {
  return (data[at + 1] as number) & MAX_COUNT;
}

/** The code of the passage's length of the posting at an offset: an index of `LENGTHS`. */
export function readLengthCode(data: Uint8Array, at: number): number {
  return data[at + 2] as number;
}

function encodeLength(length: number): number {
  return Math.min(255, Math.round(16 * Math.log2(1 + length)));
}
