/**
 * The maximum cost of parsing: characters that the parser reads again for each sign that may open or close something in
 * a paragraph, and nested blocks. Ten replies of full length cost a twentieth of it; more takes a second, or the whole
 * stack.
 */
const MAX_COST = 20_000_000;
const MAX_DEPTH = 40;

const SIGN = /[[\]!*_~`<\\]/g;
/** The signs that open nested quotations and lists, on one line. */
const OPENING = /^[ \t]*(?:>[ \t]*|(?:[-*+]|\d{1,9}[.)])[ \t]+)+/gm;
const MARK = /[>*+-]|\d[.)]/g;
const INDENT = /^[ \t]+(?=[-*+\d])/gm;

/** Whether the parser takes only a moment. Hostile Markdown does not, at a hundredth of its length. */
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
