/** The maximum bytes of one UTF-16 code unit in JSON, reached by a control character such as `\u0001`. */
const MAX_BYTES_PER_UNIT = 6;
const MAX_NUMBER_BYTES = 24;

/**
 * Returns an upper bound of the bytes of a value as JSON, without reading its texts.
 * @param limit above this size the function stops counting and returns the bytes counted so far.
 */
export function maxJsonSize(value: unknown, limit: number): number {
  return sizeOf(value, limit, maxTextSize);
}

/**
 * Counts the bytes of a value as JSON in UTF-8. Every number counts as if it had the maximum length.
 * @param limit above this size the function stops counting and returns the bytes counted so far.
 */
export function measureJsonSize(value: unknown, limit: number): number {
  return sizeOf(value, limit, textSize);
}

type TextSize = (text: string) => number;

const maxTextSize: TextSize = (text) => text.length * MAX_BYTES_PER_UNIT + 2;

const textSize: TextSize = (text) => Buffer.byteLength(JSON.stringify(text));

function sizeOf(value: unknown, limit: number, sizeOfText: TextSize): number {
  switch (typeof value) {
    case 'string':
      return sizeOfText(value);
    case 'number':
      return MAX_NUMBER_BYTES;
    case 'object':
      break;
    default:
      return 5;
  }
  if (value === null) return 4;
  let size = 2;
  if (Array.isArray(value)) {
    for (const item of value) {
      size += sizeOf(item, limit - size, sizeOfText) + 1;
      if (size > limit) return size;
    }
    return size;
  }
  for (const key in value) {
    size += sizeOfText(key) + 2;
    size += sizeOf((value as Record<string, unknown>)[key], limit - size, sizeOfText);
    if (size > limit) return size;
  }
  return size;
}
