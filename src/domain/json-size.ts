/** The maximum bytes of one UTF-16 code unit in JSON, reached by a control character such as `\u0001`. */
const MAX_BYTES_PER_UNIT = 6;
const MAX_NUMBER_BYTES = 24;

/**
 * An upper bound of the bytes of a value as JSON, without reading its texts.
 * @param limit counting stops above it, and returns a larger number.
 */
export function boundJsonSize(value: unknown, limit: number): number {
  return sizeOf(value, limit, boundText);
}

/**
 * The bytes of a value as JSON in UTF-8; numbers count as the longest.
 * @param limit counting stops above it, and returns a larger number.
 */
export function measureJsonSize(value: unknown, limit: number): number {
  return sizeOf(value, limit, measureText);
}

type TextSize = (text: string) => number;

const boundText: TextSize = (text) => text.length * MAX_BYTES_PER_UNIT + 2;

const measureText: TextSize = (text) => Buffer.byteLength(JSON.stringify(text));

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
