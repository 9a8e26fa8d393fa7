import DOMPurify from 'dompurify';
import { Marked } from 'marked';
import { type ComponentChild, h } from 'preact';
import { removeMarks, splitAtMarks } from './citation-marks.ts';
import { isCheapToParse } from './markdown-cost.ts';

/** The Markdown elements that are shown; everything else is shown as text. */
const TAGS = [
  ...['p', 'br', 'hr', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a'],
  ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
];

/** The headings of a reply, which rank below those of the page, by their names in Markdown. */
const RENAMED: Readonly<Record<string, string>> = { h1: 'h3', h2: 'h4', h3: 'h5', h4: 'h6', h5: 'h6' };

const marked = new Marked({
  gfm: true,
  tokenizer: {
    // HTML stays text.
    html: () => undefined,
    tag: () => undefined,
  },
  renderer: {
    image({ text, tokens }) {
      return tokens ? this.parser.parseInline(tokens, this.parser.textRenderer) : text;
    },
  },
});

/** The functions that create the elements for texts and marks; they are called in the order of the text. */
export interface Renderers {
  /** Creates the element for the mark with an index. */
  mark(index: number): ComponentChild;
  /** Creates the element for a text; if absent, the text is used. */
  text?(text: string): ComponentChild;
}

/**
 * Renders Markdown with marks as elements, and never as HTML, because texts of people and models are untrusted.
 * Markdown that would take seconds to parse is shown as plain text.
 */
export function renderMarkdown(source: string, renderers: Renderers): ComponentChild[] {
  if (!isCheapToParse(source)) return [h('p', { class: 'plain' }, renderText(source, renderers))];
  const html = marked.parse(source, { async: false });
  const fragment = DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
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
  if (!TAGS.includes(name)) return children;
  if (name === 'table') return [h('div', { class: 'table' }, h('table', null, children))];
  return [h(RENAMED[name] ?? name, { start: node.getAttribute('start') ?? undefined }, children)];
}

function renderText(data: string, { mark, text = (plain) => plain }: Renderers): ComponentChild[] {
  return splitAtMarks(data).map((part) => (typeof part === 'string' ? text(part) : mark(part)));
}

/** Renders a link. Its marks follow it, because they are buttons. */
function renderLink(link: Element, renderers: Renderers): ComponentChild[] {
  const marks: ComponentChild[] = [];
  const mark = (index: number) => {
    marks.push(renderers.mark(index));
    return null;
  };
  const children = renderChildren(link, { ...renderers, mark });
  const href = webAddress(removeMarks(link.getAttribute('href') ?? ''));
  if (href === undefined) return [...children, ...marks];
  return [h('a', { href, target: '_blank', rel: 'noopener noreferrer' }, children), ...marks];
}

/** Returns the text if it is an `http` or `https` URL, else undefined. */
export function webAddress(text: string): string | undefined {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? text : undefined;
}
