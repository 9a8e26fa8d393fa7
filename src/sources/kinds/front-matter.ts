/** What a page says about itself in front of its text. */
export interface FrontMatter {
  readonly title: string | undefined;
  readonly description: string | undefined;
  /** The address of the page; undefined unless it is absolute. */
  readonly address: string | undefined;
  /** Whether the page sends its readers to another one. */
  readonly isRedirect: boolean;
}

/** In lines. A longer block is text between two rules. */
const MAX_LINES = 300;

const KEY = /^([A-Za-z_][\w.-]*)[ \t]*[:=](?=[ \t"']|$)/;
/** A line that continues the value above it: indented, a list item, a bracket, a comment or empty. */
const CONTINUATION = /^(?:[ \t]|-[ \t]|-$|[\]})#[]|$)/;

const REDIRECTS = ['redirect', 'redirect_to', 'redirectto', 'redirect_url', 'redirecturl', 'redirect-to'];
const ADDRESSES = ['canonical', 'canonical_url', 'canonicalurl', 'url', 'permalink'];

/**
 * Splits a text into its front matter, in YAML between lines of `---` or in TOML between lines of `+++`, and the rest.
 * The front matter is undefined if the text has none; two rules with ordinary text between them are none.
 */
export function splitFrontMatter(text: string): { frontMatter: FrontMatter | undefined; body: string } {
  const start = /^\s*(---|\+\+\+)[ \t]*\n/.exec(text.slice(0, 1_000));
  if (start === null) return { frontMatter: undefined, body: text };
  const mark = start[1] ?? '';
  const lines: string[] = [];
  let position = start[0].length;
  while (lines.length < MAX_LINES && position < text.length) {
    const end = text.indexOf('\n', position);
    const line = text.slice(position, end === -1 ? text.length : end).trimEnd();
    position = end === -1 ? text.length : end + 1;
    if (line === mark || (line === '...' && mark === '---')) {
      // What follows the name of a table in TOML is not about the page itself.
      const table = mark === '+++' ? lines.findIndex((entry) => entry.startsWith('[')) : -1;
      const entries = readEntries(table === -1 ? lines : lines.slice(0, table));
      if (entries === undefined) break;
      return { frontMatter: toFrontMatter(entries), body: text.slice(position) };
    }
    lines.push(line);
  }
  return { frontMatter: undefined, body: text };
}

/** Reads the entries at the top level; undefined if a line is neither an entry nor part of one. */
function readEntries(lines: readonly string[]): Map<string, string> | undefined {
  const entries = new Map<string, string[]>();
  let values: string[] | undefined;
  for (const line of lines) {
    const key = KEY.exec(line);
    if (key !== null) {
      values = [line.slice(key[0].length).trim()];
      entries.set((key[1] ?? '').toLowerCase(), values);
    } else if (CONTINUATION.test(line)) {
      values?.push(line.trim());
    } else {
      return undefined;
    }
  }
  return new Map(Array.from(entries, ([key, parts]) => [key, readScalar(parts)]));
}

/** Reads a text: plain, in quotation marks, or in a block after `>` or `|`. Line breaks become spaces. */
function readScalar([first = '', ...rest]: readonly string[]): string {
  const isBlock = /^[>|][+-]?\d?$/.test(first);
  const value = [isBlock ? '' : first, ...rest].join(' ').replace(/\s+/g, ' ').trim();
  if (isBlock) return value;
  const quote = value[0];
  const end = value.lastIndexOf(quote ?? '');
  if (quote === '"' && end > 0) return value.slice(1, end).replace(/\\(["\\/])/g, '$1');
  if (quote === "'" && end > 0) return value.slice(1, end).replaceAll("''", "'");
  const comment = ` ${value}`.indexOf(' #');
  return comment === -1 ? value : value.slice(0, comment).trim();
}

function toFrontMatter(entries: ReadonlyMap<string, string>): FrontMatter {
  const find = (keys: readonly string[]) => keys.map((key) => entries.get(key)).find((value) => value);
  return {
    title: find(['title']),
    description: find(['description', 'summary', 'excerpt']),
    address: ADDRESSES.map((key) => entries.get(key)).find((value) => /^https?:\/\//.test(value ?? '')),
    isRedirect: find(REDIRECTS) !== undefined,
  };
}
