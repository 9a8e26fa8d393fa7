import { convertHtml } from '../html/convert-html.ts';
import { findTags, matchTags, type Tag } from '../html/tags.ts';
import { tidy } from '../markdown/clean-markdown.ts';
import { createCodeVault } from '../markdown/code-vault.ts';
import { decodeReferences } from '../markdown/inline.ts';
import type { FrontMatter } from './front-matter.ts';

/** What an HTML page says about itself, and its text in Markdown. */
export interface HtmlPage extends FrontMatter {
  readonly markdown: string;
}

const DOCUMENT_START = /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:[^-]|-(?!->))*-->\s*)*<(?:!doctype\s+html|html|head|body)\b/i;
const FRAGMENT_START =
  /^\s*<(?:div|p|section|article|main|header|nav|table|ul|ol|dl|h[1-6]|blockquote|style|script|form|aside|figure|span|center|pre)\b[^<]*>/i;
/** What Markdown has and HTML has not, at the start of a line. */
const MARKDOWN_SIGN = /^(?:#{1,6}[ \t]|```|~~~|[-*+][ \t]|\d+\.[ \t]|\|)|\]\(|\*\*/m;

/** The least length of the main part, in UTF-16 units of HTML, to leave out the rest of a page. */
const MIN_MAIN_LENGTH = 200;

/** Whether a text is an HTML page, or a part of one without any Markdown. */
export function isHtml(text: string): boolean {
  if (DOCUMENT_START.test(text.slice(0, 10_000))) return true;
  return FRAGMENT_START.test(text.slice(0, 10_000)) && text.trimEnd().endsWith('>') && !MARKDOWN_SIGN.test(text);
}

/** Reads an HTML page: the text of its main part if it has one, else of all of it. Takes linear time. */
export function readHtmlPage(text: string): HtmlPage {
  const tags = findTags(text);
  const closings = matchTags(tags);
  const contentOf = (index: number) => text.slice(tags[index]?.end, tags[closings.get(index) ?? -1]?.start);
  const find = (isSearched: (tag: Tag) => boolean) =>
    tags.findIndex((tag, index) => isSearched(tag) && (tag.kind !== 'open' || closings.has(index)));
  const findValue = (isSearched: (tag: Tag) => boolean, attribute: string) => {
    const value = tags.find(isSearched)?.attributes.get(attribute);
    return value === undefined ? undefined : decodeReferences(value).replace(/\s+/g, ' ').trim();
  };

  const titleIndex = find(({ name, kind }) => kind === 'open' && /^title$/i.test(name));
  const title = titleIndex === -1 ? '' : decodeReferences(contentOf(titleIndex)).replace(/\s+/g, ' ').trim();
  const address = [
    findValue((tag) => isElement(tag, 'link', 'rel', 'canonical'), 'href'),
    findValue((tag) => isElement(tag, 'meta', 'property', 'og:url'), 'content'),
    findValue(({ name }) => /^base$/i.test(name), 'href'),
  ].find((value) => /^https?:\/\//.test(value ?? ''));
  const main = find(
    (tag) => tag.kind === 'open' && (/^main$/i.test(tag.name) || tag.attributes.get('role') === 'main'),
  );
  const hasMain = main !== -1 && contentOf(main).length >= MIN_MAIN_LENGTH;
  const vault = createCodeVault();
  return {
    title: title === '' ? undefined : title,
    description: findValue((tag) => isElement(tag, 'meta', 'name', 'description'), 'content') || undefined,
    address,
    isRedirect: tags.some(
      (tag) => isElement(tag, 'meta', 'http-equiv', 'refresh') && /url/i.test(tag.attributes.get('content') ?? ''),
    ),
    markdown: tidy(convertHtml(hasMain ? contentOf(main) : text, { address, vault }), vault),
  };
}

function isElement({ name, attributes }: Tag, element: string, attribute: string, value: string): boolean {
  return name.toLowerCase() === element && attributes.get(attribute)?.toLowerCase() === value;
}
