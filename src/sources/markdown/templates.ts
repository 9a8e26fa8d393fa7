import { type CodeVault, toInlineCode } from './code-vault.ts';

/** In UTF-16 units. A longer template tag is text. */
const MAX_TAG_LENGTH = 2_000;

/** What marks a text as input of a site generator: its tags are instructions, not text. */
const GENERATOR_SIGNS = /\{%|\{\{[<%]|\{\{-?\s*(?:site|page|layout|content|config|theme|\$frontmatter|\.Site|\.Page)\b/;

/** The named arguments of a shortcode that a reader sees. */
const VISIBLE_ARGUMENT = /\b(?:title|caption|label|summary|header|heading|name|text)\s*=\s*(?:"([^"]*)"|'([^']*)')/;
/** The shortcodes whose first argument without a name is a title. */
const TITLED_SHORTCODE = /^\s*(?:tab|details|expand|accordion|notice|alert|callout|admonition|hint|step|note|panel)\b/;
const FIRST_ARGUMENT = /"([^"]*)"|'([^']*)'/;

/** The kinds of template tags: their delimiters, and what stands for them in the text. */
interface TemplateTag {
  readonly open: string;
  readonly close: string;
  readonly replace: (content: string) => string;
}

/**
 * Drops the template tags of a text whose code is hidden: shortcodes of Hugo, tags and values of Liquid, Jinja and Vue,
 * and comments of all of them. Titles in tags stay as text. In a text that no site generator reads, a value such as
 * `{{first_name}}` is meant literally, so it becomes inline code.
 */
export function dropTemplates(text: string, isGenerated: boolean, vault: CodeVault): string {
  if (!/\{[{%#]/.test(text)) return text;
  const isTemplate = isGenerated || GENERATOR_SIGNS.test(text);
  const dropValue = (content: string) => {
    if (/^[<%]/.test(content)) return readShortcode(content.slice(1));
    return isTemplate ? '' : vault.hideSpan(toInlineCode(`{{${content}}}`));
  };
  const tags: readonly TemplateTag[] = [
    { open: '{# ', close: '#}', replace: () => '' },
    { open: '{{', close: '}}', replace: dropValue },
    { open: '{%', close: '%}', replace: readShortcode },
  ];
  const withoutComments = dropBetweenTags(text, 'comment');
  return tags.reduce((result, tag) => replaceTags(result, tag), withoutComments);
}

/** Returns the title in a shortcode on a line of its own, or nothing. */
function readShortcode(content: string): string {
  const [, double, single] =
    VISIBLE_ARGUMENT.exec(content) ?? (TITLED_SHORTCODE.test(content) ? FIRST_ARGUMENT.exec(content) : null) ?? [];
  const title = double ?? single ?? '';
  return title === '' ? '' : `\n\n${title}\n\n`;
}

function replaceTags(text: string, { open, close, replace }: TemplateTag): string {
  const parts: string[] = [];
  let end = 0;
  let closing = -1;
  for (let start = text.indexOf(open); start !== -1; start = text.indexOf(open, Math.max(start + open.length, end))) {
    if (closing < start + open.length) closing = text.indexOf(close, start + open.length);
    if (closing === -1) break;
    // `style={{ … }}` is an attribute of JSX, and a backslash makes the tag text.
    if (closing - start > MAX_TAG_LENGTH || /[=\\]/.test(text[start - 1] ?? '')) continue;
    parts.push(text.slice(end, start), replace(text.slice(start + open.length, closing)));
    end = closing + close.length;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(end);
}

/** Drops what is between `{% name %}` and `{% endname %}`. */
function dropBetweenTags(text: string, name: string): string {
  const pattern = /\{%-?\s*(end)?comment\s*-?%\}/g;
  if (!text.includes(name)) return text;
  const parts: string[] = [];
  let end = 0;
  let start: number | undefined;
  for (const match of text.matchAll(pattern)) {
    if (match[1] === undefined) {
      start ??= match.index;
    } else if (start !== undefined) {
      parts.push(text.slice(end, start));
      end = match.index + match[0].length;
      start = undefined;
    }
  }
  return parts.join('') + text.slice(end);
}
