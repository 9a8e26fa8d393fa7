/**
 * The maximum cost of parsing: for each paragraph, its length times the number of characters that may open or close
 * something, as the parser reads the paragraph again for each. Ten replies of maximum length cost a twentieth of it.
 * More would take a second, or exhaust the stack.
 */
const MAX_COST = 20_000_000;
const MAX_DEPTH = 40;

const SIGN = /[[\]!*_~`<\\]/g;
/** The characters that open nested quotations and lists, on one line. */
const OPENING = /^[ \t]*(?:>[ \t]*|(?:[-*+]|\d{1,9}[.)])[ \t]+)+/gm;
const MARK = /[>*+-]|\d[.)]/g;
const INDENT = /^[ \t]+(?=[-*+\d])/gm;

/** Whether parsing is fast. Hostile Markdown of a hundredth of the maximum length can be slow. */
export function isCheapToParse(markdown: string): boolean {
  let cost = 0;
  for (const paragraph of markdown.split(/\n[ \t]*\n/)) cost += paragraph.length * count(paragraph, SIGN);
  const opened = markdown.match(OPENING) ?? [];
  const indents = markdown.match(INDENT) ?? [];
  return (
    cost <= MAX_COST &&
    opened.every((signs) => count(signs, MARK) <= MAX_DEPTH) &&
    indents.every((indent) => indent.length <= 4 * MAX_DEPTH)
  );
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
