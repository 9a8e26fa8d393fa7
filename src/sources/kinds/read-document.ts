import { cleanText } from '../clean-text.ts';
import { cleanMarkdown } from '../markdown/clean-markdown.ts';
import { readDelimited } from './delimited.ts';
import { type FrontMatter, splitFrontMatter } from './front-matter.ts';
import { isHtml, readHtmlPage } from './html-page.ts';

/** The text of a source, whatever form it had. */
export interface Document {
  /** The title that the source gives itself; undefined if it has none beside its headings. */
  readonly title: string | undefined;
  /** Simple Markdown, clean of other markup; '' if the source has no text. May contain the marks of `sections.ts`. */
  readonly markdown: string;
  /** Whether the source only sends its readers to another page. */
  readonly isRedirect: boolean;
}

/** In UTF-16 units. A longer text says more than where the page is now. */
const MAX_NOTICE_LENGTH = 300;

const MOVED =
  /\b(?:this|the|our) (?:[\w-]+ ){0,2}(?:page|document|documentation|docs|content|article|guide|section|file|site|topic|tutorial|readme|repository|wiki) (?:(?:has|have|was|were|is|been|being|now|permanently) ){1,3}(?:moved|relocated|renamed|merged|redirected|superseded|lives? |(?:found|located) (?:at|in|on))/i;
const REDIRECTING =
  /^(?:redirecting\b|(?:page |document |content )?(?:has )?(?:permanently )?moved(?: to\b| permanently\b|[.:]?$)|you (?:are being|will be|should be) redirected\b|if you are not redirected\b)/im;

const LEADING_HEADING = /^#[ \t].*\n?/;

/**
 * Reads a text as what it is: an HTML page, an exported table (CSV, TSV), or Markdown with or without front matter,
 * which plain text is too. A description in front matter or in the head of a page becomes the text that opens it.
 */
export function readDocument(raw: string): Document {
  const text = cleanText(raw);
  if (isHtml(text)) {
    const page = readHtmlPage(text);
    return createDocument(page, page.markdown);
  }
  const table = readDelimited(text);
  if (table !== undefined) return { title: undefined, markdown: table, isRedirect: false };
  const { frontMatter, body } = splitFrontMatter(text);
  const isGenerated = frontMatter !== undefined;
  return createDocument(frontMatter, cleanMarkdown(body, { address: frontMatter?.address, isGenerated }));
}

function createDocument(frontMatter: FrontMatter | undefined, markdown: string): Document {
  const isShort = markdown.length <= MAX_NOTICE_LENGTH;
  const isRedirect = (frontMatter?.isRedirect && isShort) || (isShort && isMovedNotice(markdown));
  const description = frontMatter?.description === undefined ? '' : cleanLine(frontMatter.description);
  return {
    title: frontMatter?.title === undefined ? undefined : cleanLine(frontMatter.title),
    markdown: isRedirect || markdown.includes(description) ? markdown : addDescription(markdown, description),
    isRedirect,
  };
}

/** Whether a short text only says that a page is somewhere else. */
function isMovedNotice(markdown: string): boolean {
  const text = markdown
    .replace(/^#{1,6}[ \t].*$/gm, '')
    .replace(/[ \t]+/g, ' ')
    .trim();
  return MOVED.test(text) || REDIRECTING.test(text);
}

/** Puts the description below the heading that a text starts with, or before the text. */
function addDescription(markdown: string, description: string): string {
  const heading = LEADING_HEADING.exec(markdown)?.[0] ?? '';
  return [heading.trimEnd(), description, markdown.slice(heading.length).trimStart()].filter(Boolean).join('\n\n');
}

function cleanLine(text: string): string {
  return cleanMarkdown(text, { isGenerated: true }).replace(/\s+/g, ' ');
}
