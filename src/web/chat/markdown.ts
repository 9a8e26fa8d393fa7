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

/** The headings of a reply are below those of the page. */
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

/** Create the elements for texts and marks; called in order. */
export interface Renderers {
  /** By the index of the mark. */
  mark(index: number): ComponentChild;
  /** Absent: the text itself. */
  text?(text: string): ComponentChild;
}

/**
 * Renders Markdown, with marks, as elements and never as HTML: the texts of people and models are data. Markdown that
 * would take the parser seconds is shown as plain text.
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

/** A link to the web; its marks follow it, because they are buttons. */
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

/** The text if it is a web address; undefined for any other kind of address. */
export function webAddress(text: string): string | undefined {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? text : undefined;
}
