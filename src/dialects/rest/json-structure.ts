const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Returns whether JSON has more than `limit` bytes without the contents of its strings. A long string is parsed fast;
 * eight megabytes of brackets become millions of objects.
 */
export function hasLargeStructure(json: Uint8Array, limit: number): boolean {
  let size = 0;
  for (let i = 0; i < json.length; i++) {
    if (++size > limit) return true;
    if (json[i] !== QUOTE) continue;
    i = findEndOfString(json, i);
    size++;
  }
  return false;
}

/** The index of the quote that ends a string, or of the last byte. */
function findEndOfString(json: Uint8Array, start: number): number {
  let end = start;
  let isEscaped: boolean;
  do {
    end = json.indexOf(QUOTE, end + 1);
    if (end < 0) return json.length;
    let backslashes = 0;
    while (json[end - 1 - backslashes] === BACKSLASH) backslashes++;
    isEscaped = backslashes % 2 === 1;
  } while (isEscaped);
  return end;
}
