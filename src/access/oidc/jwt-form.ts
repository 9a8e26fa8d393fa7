/** More than any token of a usual issuer; headers of a request have at most 16 kB. */
const MAX_LENGTH = 12_000;
/** A JSON object in base64url starts with `ey` or `ew`. */
const JWT_PATTERN = /^e[wy][\w-]+\.e[wy][\w-]+\.[\w-]*$/;

/** Whether `text` has the form of a signed JWT: three parts, of which the first two are JSON objects in base64url. */
export function hasJwtForm(text: string): boolean {
  return text.length <= MAX_LENGTH && JWT_PATTERN.test(text);
}
