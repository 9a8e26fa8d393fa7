/** The kinds of markup that no visitor should see: what a page's source contains for its site generator. */
const PATTERNS: Readonly<Record<string, RegExp>> = {
  frontMatter: /^(?:---\s*$|(?:title|sidebarTitle|sidebar_\w+|slug|permalink):\s*\S)/m,
  tag: /<\/?[A-Za-z][\w.:-]*(?:\s[^<>]*)?\/?>/,
  comment: /<!--/,
  shortcode: /\{\{|\{%|^:::|^!!! |^=== "/m,
  expression: /\bclassName=|^(?:import|export) .*(?:from ['"]|= )/m,
  anchor: /\{#[\w-]+\}/,
  admonition: /\[!(?:NOTE|TIP|INFO|IMPORTANT|WARNING|CAUTION|DANGER)\]/i,
  image: /!\[/,
  relativeLink: /\]\((?!https?:|mailto:)/,
  linkReference: /^\[[^\]]+\]:\s/m,
  base64: /data:[\w/+.-]+;base64/,
  entity: /&(?:[a-z]{2,8}|#\d{1,6}|#x[\da-f]{1,6});/i,
  heading: /^#{1,6} /m,
  tableRow: /^\s*\|.*\|\s*$/m,
};

/**
 * Finds markup in an answer, outside code, and returns its kind; undefined if there is none. Emphasis, lists, code and
 * absolute links are no raw markup, because clients render the Markdown of an answer.
 */
export function findRawMarkup(answer: string): string | undefined {
  const prose = answer.replace(/^( *)(```+|~~~+)[^\n]*\n[\s\S]*?^\1\2.*$/gm, '').replace(/(`+)[^`]+\1/g, '');
  return Object.keys(PATTERNS).find((kind) => PATTERNS[kind]?.test(prose));
}
