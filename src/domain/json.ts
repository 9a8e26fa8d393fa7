/** A JSON document as text, as it is stored; parsed only on demand. */
export type JsonText = string & { readonly __json: true };

/** Returns whether a value is a JSON object; an array is none. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Serializes a value as `JsonText`. The value must be JSON: `undefined` inside arrays becomes `null`. */
export function toJson(value: unknown): JsonText {
  return JSON.stringify(value) as JsonText;
}

/** Parses a text of `toJson`; the caller names the type. */
export function fromJson<T>(text: JsonText): T {
  return JSON.parse(text) as T;
}
