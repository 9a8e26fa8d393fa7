/** Says what may be logged of a text that others have written: without secrets, on one line, and short. */
export type Redact = (text: string) => string;

const REDACTED = '[redacted]';
/** What is read of a text, and what is kept of it. */
const MAX_INPUT_CHARS = 2_000;
const MAX_RESULT_CHARS = 240;
/** What is shorter is no secret, and would take half of every text with it. */
const MIN_SECRET_CHARS = 4;

/** What looks like a key, whoever's it is. */
const KEY_FORMS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:sk|rk|pk|xai|gsk|hf|ics?)[-_][\w*.…-]{3,}/gi, REDACTED],
  [/\bAIza[\w*.-]{6,}/g, REDACTED],
  [/\b(bearer|basic)\s+[^\s"',;]+/gi, `$1 ${REDACTED}`],
  [/\b((?:api[-_ ]?)?key|token|secret|password|authorization)(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi, `$1$2${REDACTED}`],
  [/\/\/[^\s/@]+@/g, `//${REDACTED}@`],
  [/[\w-]{40,}/g, REDACTED],
];

/** Makes what takes the given secrets out of texts, however they are encoded, and all that looks like one. */
export function createRedact(secrets: readonly (string | undefined)[]): Redact {
  const known = secrets.flatMap((secret) => (secret !== undefined ? encodingsOf(secret) : []));
  const forms = known.filter((form) => form.length >= MIN_SECRET_CHARS).sort((a, b) => b.length - a.length);
  const exact = forms.length > 0 ? new RegExp(forms.map(escapeRegExp).join('|'), 'gi') : undefined;
  return (text) => {
    let said = text.slice(0, MAX_INPUT_CHARS).replace(/[\p{C}\s]+/gu, ' ');
    if (exact !== undefined) said = said.replace(exact, REDACTED);
    for (const [form, instead] of KEY_FORMS) said = said.replace(form, instead);
    return said.trim().slice(0, MAX_RESULT_CHARS).toWellFormed();
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
