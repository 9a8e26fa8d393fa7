import { describeTableRow } from '../domain/markdown/table.ts';
import type { Span } from './markdown-blocks.ts';

/** How a quote is rendered. */
export interface RenderOptions {
  /** Whether links to other sites stay links. All other links become their text. */
  readonly keepsLinks: boolean;
}

const CODE_SPAN = /(`[^`\n]*`)/;
const IMAGE = /!\[[^[\]\n]*\](?:\([^()\n]*\))?/g;
/** A code span, or a link with its text and its target. */
const LINK = /`[^`\n]*`|\[((?:`[^`\n]*`|[^[\]`\n])*)\]\(([^()\n]*)\)/g;
/** A link whose target is elsewhere, or the mark of a footnote. */
const REFERENCE = /\[([^[\]\n^]*)\]\[[^[\]\n]*\]|\[\^[^[\]\n]*\]/g;
const AUTOMATIC_LINK = /<(https?:\/\/[^<>\s]*)>/g;
const LINE_BREAK = /<br(?:\s[^<>]*)?\/?>/gi;
const HTML_TAG =
  /<\/?(?:a|abbr|b|center|code|details|div|em|font|i|img|kbd|li|mark|ol|p|small|span|strong|sub|summary|sup|u|ul)(?:\s[^<>]*)?\/?>/gi;
const STRONG = /\*\*([^*\n]+)\*\*|(?<![\p{L}\p{N}_\\])__([^_\n]+)__(?![\p{L}\p{N}_])/gu;
const EMPHASIS =
  /(?<![\p{L}\p{N}*\\])\*([^*\s][^*\n]*)\*(?![\p{L}\p{N}*])|(?<![\p{L}\p{N}_\\])_([^_\s][^_\n]*)_(?![\p{L}\p{N}_])/gu;
const FENCE = /^\s*(?:`{3,}|~{3,})/;
const LIST_ITEM = /^\s*(?:[-*+•]|\d{1,9}[.)])\s/;

/**
 * Renders a part of a paragraph as text on one line. Code spans stay as they are. Images, tags, emphasis and the
 * targets of links are left out.
 */
export function renderProse(text: string, options: RenderOptions): string {
  return renderInline(text.replace(/\n[ \t>]*/g, ' '), options).trim();
}

/**
 * Renders a list or code with its line breaks; a line that was only wrapped is joined to the one before. `span` starts
 * at the first character of a line that is not a space.
 */
export function renderLines(text: string, { start, end }: Span, options: RenderOptions): string {
  const indent = start - (text.lastIndexOf('\n', start - 1) + 1);
  const lines: string[] = [];
  let isCode = false;
  let isWrappable = false;
  for (const [index, line] of text.slice(start, end).split('\n').entries()) {
    const spaces = line.length - line.trimStart().length;
    const dedented = (index === 0 ? line : line.slice(Math.min(indent, spaces))).trimEnd();
    const isFence = FENCE.test(dedented);
    if (isFence) isCode = !isCode;
    const isText = !isFence && !isCode && dedented !== '';
    const rendered = isText ? renderInline(dedented, options) : dedented;
    if (isText && isWrappable && !LIST_ITEM.test(dedented)) lines.push(`${lines.pop()} ${rendered.trimStart()}`);
    else lines.push(rendered);
    isWrappable = isText;
  }
  return lines.join('\n');
}

/** Renders a row of a table as `column: cell; column: cell`. `head` is the row with the names of the columns. */
export function renderRow(head: string, row: string, options: RenderOptions): string {
  return renderProse(describeTableRow(head, row), options);
}

function renderInline(text: string, { keepsLinks }: RenderOptions): string {
  const withoutLinks = text.replace(IMAGE, '').replace(LINK, (match, label?: string, target = '') => {
    return label === undefined || (keepsLinks && /^https?:\/\//.test(target)) ? match : label;
  });
  // Every second part is a code span.
  const parts = withoutLinks.split(CODE_SPAN);
  return parts.map((part, index) => (index % 2 === 1 ? part : removeMarkup(part))).join('');
}

function removeMarkup(text: string): string {
  return text
    .replace(REFERENCE, '$1')
    .replace(AUTOMATIC_LINK, '$1')
    .replace(LINE_BREAK, ' ')
    .replace(HTML_TAG, '')
    .replace(STRONG, '$1$2')
    .replace(EMPHASIS, '$1$2')
    .replace(/(?<=\S) {2,}/g, ' ');
}
