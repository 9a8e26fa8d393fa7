import DOMPurify from 'dompurify';
import { type ComponentChild, h } from 'preact';
import { removeMarks, splitAtMarks } from './citation-marks.ts';
import { CodeBlock, scrollable } from './components/code-block.tsx';
import { isCheapToParse } from './markdown-cost.ts';
import { type MarkdownKind, parseMarkdown } from './markdown-parser.ts';

/** The elements that are rendered; the page shows everything else as text. */
const ALLOWED_TAGS = [
  ...['p', 'br', 'hr', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a'],
  ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
];

/** The headings of a reply, by their level in Markdown: they must rank below the headings of the page. */
const HEADING_TAGS: Readonly<Record<string, string>> = { h1: 'h3', h2: 'h4', h3: 'h5', h4: 'h6', h5: 'h6' };

/** The blocks that contain text; the first letter of each determines its direction. */
const TEXT_BLOCKS = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'li', 'blockquote']);

const ADDRESS = /^(https?:\/\/|www\.)\S+$/i;

/** The functions that create the elements for texts and marks. They are called in the order of the text. */
export interface Renderers {
  /** Creates the element for the mark with an index. */
  mark(index: number): ComponentChild;
  /** Creates the element for a text; if absent, the text stays as it is. */
  text?(text: string): ComponentChild;
}

/**
 * Renders Markdown with marks as elements. HTML in the Markdown stays text, because texts of people and models are
 * untrusted. Markdown that would take seconds to parse becomes plain text.
 */
export function renderMarkdown(source: string, kind: MarkdownKind, renderers: Renderers): ComponentChild[] {
  if (!isCheapToParse(source)) return [h('p', { class: 'plain', dir: 'auto' }, renderText(source, renderers))];
  const fragment = DOMPurify.sanitize(parseMarkdown(source, kind), {
    ALLOWED_TAGS: ALLOWED_TAGS,
    ALLOWED_ATTR: ['href', 'start'],
    RETURN_DOM_FRAGMENT: true,
  });
  return renderChildren(fragment, renderers);
}

const renderChildren = (parent: Node, renderers: Renderers): ComponentChild[] =>
  [...parent.childNodes].flatMap((node) => renderNode(node, renderers));

function renderNode(node: Node, renderers: Renderers): ComponentChild[] {
  if (node instanceof Text) return renderText(node.data, renderers);
  if (!(node instanceof Element)) return [];
  const name = node.localName;
  if (name === 'a') return renderLink(node, renderers);
  const children = renderChildren(node, renderers);
  if (!ALLOWED_TAGS.includes(name)) return children;
  if (name === 'table')
    return [h('div', { class: 'table', dir: 'auto', ...scrollable('Table') }, h('table', null, children))];
  if (name === 'pre') return [h(CodeBlock, { text: removeMarks(node.textContent) }, children)];
  const start = node.getAttribute('start') ?? undefined;
  return [h(HEADING_TAGS[name] ?? name, { start, dir: directionOf(node) }, children)];
}

function directionOf(element: Element): 'auto' | 'ltr' | undefined {
  const { localName, parentElement } = element;
  if (localName === 'code') return 'ltr';
  // A browser ignores the text of blocks with a direction of their own when it determines that of a block around them.
  const isInListItemOrQuotation = parentElement !== null && /^(p|h\d)$/.test(localName);
  return TEXT_BLOCKS.has(localName) && !isInListItemOrQuotation ? 'auto' : undefined;
}

function renderText(data: string, { mark, text = (plain) => plain }: Renderers): ComponentChild[] {
  return splitAtMarks(data).map((part) => (typeof part === 'string' ? text(part) : mark(part)));
}

/** Renders a link. Its marks follow the link, because a link must not contain buttons. */
function renderLink(link: Element, renderers: Renderers): ComponentChild[] {
  const marks: ComponentChild[] = [];
  const mark = (index: number) => {
    marks.push(renderers.mark(index));
    return null;
  };
  const children = renderChildren(link, { ...renderers, mark });
  const href = httpUrlOrUndefined(removeMarks(link.getAttribute('href') ?? ''));
  if (href === undefined) return [...children, ...marks];
  const dir = ADDRESS.test(link.textContent) ? 'ltr' : undefined;
  return [h('a', { href, dir, target: '_blank', rel: 'noopener noreferrer' }, children), ...marks];
}

/** Returns the text if it is an `http` or `https` URL, else undefined. */
export function httpUrlOrUndefined(text: string): string | undefined {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? text : undefined;
}
