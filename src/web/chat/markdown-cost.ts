/**
 * The maximum cost of parsing. The cost of a paragraph is its length times the number of its delimiters and addresses,
 * because the parser reads the paragraph again for each of them. A reply of the maximum length that uses every element
 * costs about a twentieth of this maximum. Markdown of a higher cost would take more than a second, or exhaust the stack.
 */
const MAX_COST = 20_000_000;
const MAX_DEPTH = 40;

const DELIMITER = /[[\]!*_~`<\\]|:\/\/|www\./gi;
/** The characters at the start of a line that open nested quotations and lists. */
const NESTING_PREFIX = /^[ \t]*(?:>[ \t]*|(?:[-*+]|\d{1,9}[.)])[ \t]+)+/gm;
const NESTING_MARKER = /[>*+-]|\d[.)]/g;
const INDENT = /^[ \t]+(?=[-*+\d])/gm;

/** Whether parsing is fast. Hostile Markdown can be slow even at a hundredth of a reply's maximum length. */
export function isCheapToParse(markdown: string): boolean {
  let cost = 0;
  for (const paragraph of markdown.split(/\n[ \t]*\n/)) cost += paragraph.length * count(paragraph, DELIMITER);
  const nestingPrefixes = markdown.match(NESTING_PREFIX) ?? [];
  const indents = markdown.match(INDENT) ?? [];
  return (
    cost <= MAX_COST &&
    nestingPrefixes.every((prefix) => count(prefix, NESTING_MARKER) <= MAX_DEPTH) &&
    indents.every((indent) => indent.length <= 4 * MAX_DEPTH)
  );
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
