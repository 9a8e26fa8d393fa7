/** Makes a provider's text safe to log and to show to an account: without secrets, on one line, and short. */
export type Redact = (text: string) => string;

const REDACTED = '[redacted]';
/** The maximum length of the text that is read, and of the result, in UTF-16 units. */
const MAX_INPUT_CHARS = 2_000;
const MAX_RESULT_CHARS = 240;
/** A shorter string is not treated as a secret, because its removal would damage most texts. */
const MIN_SECRET_CHARS = 4;

/** Patterns of common forms of keys, and of the ids of OpenAI's organizations and projects. */
const KEY_PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:sk|rk|pk|xai|gsk|hf|ics?|org|proj)[-_][\w*.…-]{3,}/gi, REDACTED],
  [/\bAIza[\w*.-]{6,}/g, REDACTED],
  [/\b(bearer|basic)\s+[^\s"',;]+/gi, `$1 ${REDACTED}`],
  [/\b((?:api[-_ ]?)?key|token|secret|password|authorization)(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi, `$1$2${REDACTED}`],
  [/\/\/[^\s/@]+@/g, `//${REDACTED}@`],
  [/[\w-]{40,}/g, REDACTED],
];

/** Creates a function that removes the given secrets, encoded or not, and everything that looks like a key. */
export function createRedact(secrets: readonly (string | undefined)[]): Redact {
  const encodings = secrets.flatMap((secret) => (secret !== undefined ? encodingsOf(secret) : []));
  const forms = encodings.filter((form) => form.length >= MIN_SECRET_CHARS).sort((a, b) => b.length - a.length);
  const secretPattern = forms.length > 0 ? new RegExp(forms.map(escapeRegExp).join('|'), 'gi') : undefined;
  return (text) => {
    let redacted = text.slice(0, MAX_INPUT_CHARS).replace(/[\p{C}\s]+/gu, ' ');
    if (secretPattern !== undefined) redacted = redacted.replace(secretPattern, REDACTED);
    for (const [pattern, replacement] of KEY_PATTERNS) redacted = redacted.replace(pattern, replacement);
    return redacted.trim().slice(0, MAX_RESULT_CHARS).toWellFormed();
  };
}

function encodingsOf(secret: string): string[] {
  const base64 = Buffer.from(secret)
    .toString('base64')
    .replace(/={1,2}$/, '');
  const base64url = Buffer.from(secret).toString('base64url');
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), base64, base64url];
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
