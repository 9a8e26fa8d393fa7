import { randomBytes } from 'node:crypto';

/**
 * The marks that number the passages in a prompt. An answer cites a passage by a marker: its mark, or a common form.
 */
export interface SourceMarks {
  /** Letters before each number, which nobody can guess; empty if no text in the prompt has marks without them. */
  readonly tag: string;
  /**
   * The numbers that texts in the prompt have in brackets. In an answer such brackets are text, unless they are in the
   * form of the marks.
   */
  readonly quotedNumbers: ReadonlySet<number>;
}

/** The marks of a prompt whose texts have no numbers in brackets. */
export const PLAIN_MARKS: SourceMarks = { tag: '', quotedNumbers: new Set() };

const NUMBERS = String.raw`\d{1,2}(?:[ \u00a0]?[–—,;，、-][ \u00a0]?\d{1,2}){0,7}`;
const BODY = String.raw`[ ^]?(?:(?:source|citation)s?[ :#]{0,2})?(${NUMBERS}) ?(?::\d{1,2})?(?:†[^\[\]【】\n]{0,32})?`;

/**
 * The common forms of markers, which models write whatever the prompt demands: `[1]`, `[1, 2]`, `[1-3]`, `[^1]`,
 * `[[1]]`, `[Source 1]`, `【1】`, `【1†source】`. One group has the numbers.
 */
const COMMON_MARKER = new RegExp(String.raw`\[\[${BODY}\]\]|\[${BODY}\]|［${BODY}］|【${BODY}】`, 'iy');
/** A possible start of a marker. It is looser than the markers, because it must match every prefix of them. */
export const MARKER_PREFIX =
  /[[［【]{1,2}[ ^]?[a-z]{0,9}[ :#-]{0,2}(?:\d[\d \u00a0–—,;，、:-]{0,40}(?:†[^[\]【】\n]{0,32})?)?\]?$/iy;

/** The form of the marks in a prompt without a tag. */
const UNTAGGED_MARK = new RegExp(`【${BODY}】`, 'i');
const AFTER_TAG = new RegExp(`${BODY}】`, 'iy');

/** Returns the mark of a passage, such as `【1】`. Few texts have this form, in contrast to `[1]`. */
export function writeSourceMark(number: number, { tag }: Pick<SourceMarks, 'tag'>): string {
  return `【${tag}${number}】`;
}

/** A marker in an answer: its length in UTF-16 units, and the numbers as they are written. */
export interface FoundMarker {
  readonly length: number;
  readonly numbers: string;
  /** Whether it has a common form, and not that of the prompt's marks. */
  readonly isCommon: boolean;
}

/** Finds the marker that starts at an offset, in the form of the prompt's marks or in a common form. */
export function findMarker(text: string, at: number, { tag }: Pick<SourceMarks, 'tag'>): FoundMarker | undefined {
  const start = `【${tag}`;
  AFTER_TAG.lastIndex = at + start.length;
  const own = text.startsWith(start, at) ? AFTER_TAG.exec(text) : null;
  if (own !== null) return { length: start.length + own[0].length, numbers: own[1] ?? '', isCommon: false };
  COMMON_MARKER.lastIndex = at;
  const [marker, ...groups] = COMMON_MARKER.exec(text) ?? [];
  if (marker === undefined) return undefined;
  return { length: marker.length, numbers: groups.find((group) => group !== undefined) ?? '', isCommon: true };
}

/** Creates the tag of the marks in a prompt with these texts: empty, or four random letters. */
export function createTag(texts: readonly string[]): string {
  if (!texts.some((text) => UNTAGGED_MARK.test(text))) return '';
  return `${Array.from(randomBytes(4), (byte) => String.fromCharCode(97 + (byte % 26))).join('')}-`;
}
