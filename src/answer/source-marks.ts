import { randomBytes } from 'node:crypto';

/** How the passages in a prompt are numbered. */
export interface SourceMarks {
  /** Letters before each number, which nobody can guess; empty if no text in the prompt has marks without them. */
  readonly tag: string;
  /** The numbers that texts in the prompt have in brackets. In an answer such brackets are text, unless they are marks. */
  readonly quotedNumbers: ReadonlySet<number>;
}

/** The marks of a prompt whose texts have no numbers in brackets. */
export const PLAIN_MARKS: SourceMarks = { tag: '', quotedNumbers: new Set() };

const NUMBERS = String.raw`\d{1,2}(?:[ \u00a0]?[–—,;，、-][ \u00a0]?\d{1,2}){0,7}`;
const BODY = String.raw`[ ^]?(?:(?:source|citation)s?[ :#]{0,2})?(${NUMBERS}) ?(?::\d{1,2})?(?:†[^\[\]【】\n]{0,32})?`;

/**
 * The forms that models are used to: `[1]`, `[1, 2]`, `[1-3]`, `[^1]`, `[[1]]`, `[Source 1]`, `【1】`, `【1†source】`. One
 * group has the numbers.
 */
const COMMON_MARK = new RegExp(String.raw`\[\[${BODY}\]\]|\[${BODY}\]|［${BODY}］|【${BODY}】`, 'iy');
/** A possible start of a mark. It is looser than the marks, because it must match every prefix of them. */
export const MARK_PREFIX =
  /[[［【]{1,2}[ ^]?[a-z]{0,9}[ :#-]{0,2}(?:\d[\d \u00a0–—,;，、:-]{0,40}(?:†[^[\]【】\n]{0,32})?)?\]?$/iy;

/** The form of the marks in a prompt without a tag. */
const UNTAGGED_MARK = new RegExp(`【${BODY}】`, 'i');
const AFTER_TAG = new RegExp(`${BODY}】`, 'iy');

/** Returns the mark of a passage, such as `【1】`. Few texts have this form, in contrast to `[1]`. */
export function writeSourceMark(number: number, { tag }: Pick<SourceMarks, 'tag'>): string {
  return `【${tag}${number}】`;
}

/** A mark in an answer: its length in UTF-16 units, and the numbers as they are written. */
export interface FoundMark {
  readonly length: number;
  readonly numbers: string;
  /** Whether it has a form that models are used to, and not that of the prompt. */
  readonly isCommon: boolean;
}

/** Finds the mark that starts at an offset, in the form of the prompt or in a common form. */
export function findMark(text: string, at: number, { tag }: Pick<SourceMarks, 'tag'>): FoundMark | undefined {
  const start = `【${tag}`;
  AFTER_TAG.lastIndex = at + start.length;
  const own = text.startsWith(start, at) ? AFTER_TAG.exec(text) : null;
  if (own !== null) return { length: start.length + own[0].length, numbers: own[1] ?? '', isCommon: false };
  COMMON_MARK.lastIndex = at;
  const [mark, ...groups] = COMMON_MARK.exec(text) ?? [];
  if (mark === undefined) return undefined;
  return { length: mark.length, numbers: groups.find((group) => group !== undefined) ?? '', isCommon: true };
}

/** Creates the tag of the marks in a prompt with these texts: empty, or four random letters. */
export function createTag(texts: readonly string[]): string {
  if (!texts.some((text) => UNTAGGED_MARK.test(text))) return '';
  return `${Array.from(randomBytes(4), (byte) => String.fromCharCode(97 + (byte % 26))).join('')}-`;
}
