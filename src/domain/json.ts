/** A JSON document as text, the way it is stored; parsed only where someone asks for its inside. */
export type JsonText = string & { readonly __json: true };

/** Serialises a value as `JsonText`. The value must be JSON: `undefined` inside arrays becomes `null`. */
export function toJson(value: unknown): JsonText {
  return JSON.stringify(value) as JsonText;
}

/** Parses what `toJson` wrote; the caller names the type that was written. */
export function fromJson<T>(text: JsonText): T {
  return JSON.parse(text) as T;
}
