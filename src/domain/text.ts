/** The maximum number of consecutive combining marks. No script needs more; decorative text has thousands. */
const MAX_MARKS = 30;

const MARKS = /\p{M}+/gu;
/** A combining mark, or a surrogate that may be half of one. */
const MARK_UNIT = /[\p{M}\p{Cs}]/u;
const FIRST_MARK = 0x300;

/**
 * Cuts each run of more than 30 combining marks (general category M) to its first 30. Normalization sorts every run,
 * which takes time quadratic in its length. This function takes linear time. If it cuts nothing, it returns the text
 * itself.
 */
export function limitMarks(text: string): string {
  return mayContainLongRun(text) ? text.replace(MARKS, cutMarks) : text;
}

/** Normalizes a text in linear time: cuts runs of more than 30 combining marks first. */
export function normalizeText(text: string, form: 'NFC' | 'NFKD'): string {
  return limitMarks(text).normalize(form);
}

/** Removes all slashes from the end of a text. */
export function trimTrailingSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '/') end -= 1;
  return text.slice(0, end);
}

/** Checks every 31st UTF-16 unit only: any run of 31 contains one of them. */
function mayContainLongRun(text: string): boolean {
  for (let index = MAX_MARKS; index < text.length; index += MAX_MARKS + 1) {
    if (!isMarkUnit(text, index)) continue;
    let start = index;
    let end = index + 1;
    while (end - start <= MAX_MARKS && isMarkUnit(text, start - 1)) start -= 1;
    while (end - start <= MAX_MARKS && isMarkUnit(text, end)) end += 1;
    if (end - start > MAX_MARKS) return true;
  }
  return false;
}

function isMarkUnit(text: string, index: number): boolean {
  return text.charCodeAt(index) >= FIRST_MARK && MARK_UNIT.test(text.charAt(index));
}

function cutMarks(marks: string): string {
  if (marks.length <= MAX_MARKS) return marks;
  // A mark is one or two UTF-16 units.
  return Array.from(marks.slice(0, 2 * MAX_MARKS))
    .slice(0, MAX_MARKS)
    .join('');
}

/** Drops NUL, which Postgres cannot store. */
export function dropNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text;
}

/** Drops NUL from the names and texts of a JSON value. */
export function dropNulOfJson(json: string): string {
  const isFree = !json.includes('\\u0000');
  return isFree ? json : json.replace(/\\(?:u0000|.)/gs, (part) => (part === '\\u0000' ? '' : part));
}
