import { convertHtml } from '../html/convert-html.ts';
import {
  BLOCK_ELEMENTS,
  CODE_ELEMENTS,
  descriptionOf,
  HIDDEN_ELEMENTS,
  HTML_BLOCKS,
  isComponent,
  isHtmlElement,
  isSectionComponent,
  OPEN_ELEMENTS,
  titleOf,
} from '../html/element-names.ts';
import { findTags, matchTags, type Tag, unquote } from '../html/tags.ts';
import { SECTION_END, SECTION_START } from '../sections.ts';
import { toInlineCode } from './code-vault.ts';
import { decodeReferences, decodeText } from './inline.ts';
import { describeImage, formatLink, type LinkContext } from './links.ts';

/** Ends a title that labels the text after it. Noncharacters are in no source, see `cleanText`. */
const LABEL_END = '\ufdd5';

/** A text that continues a line: no list, heading, table or block of code. */
const PROSE_START = /^\s*(?:(?!\d+[.)]\s)[\p{L}\p{N}"'“„«(\ufdd0[])/u;
const MAX_LOOKAHEAD = 200;

/** A text with its tags, and what has been written of it. */
interface Page {
  readonly text: string;
  readonly tags: readonly Tag[];
  /** The index of the closing tag, by the index of the opening tag. */
  readonly closings: ReadonlyMap<number, number>;
  /** The text to write at a closing tag, by its index. */
  readonly atClosing: Map<number, string>;
  readonly context: LinkContext;
}

/**
 * Drops the tags of HTML and JSX from Markdown whose code is hidden, and keeps their text. Titles of tabs, accordions
 * and the like become headings, titles of other components lines. Tables, lists and headings of HTML become Markdown.
 * What only looks like a tag, such as `<your name>`, becomes inline code. `isModule`: the text has imports or exports,
 * so braces hold expressions. Takes linear time.
 */
export function readElements(text: string, isModule: boolean, context: LinkContext): string {
  const tags = findTags(text, { hasExpressions: isModule || text.includes('{/*') });
  if (tags.length === 0) return text;
  const closings = matchTags(tags);
  const atClosing = new Map(Array.from(closings.values(), (closing) => [closing, '']));
  const page: Page = { text, tags, closings, atClosing, context };
  const parts: string[] = [];
  let end = 0;
  /** Where the line of the current tag starts. */
  let lineStart = 0;
  for (let index = 0; index < tags.length; index += 1) {
    const tag = tags[index] as Tag;
    const before = text.slice(end, tag.start);
    if (before.includes('\n')) lineStart = end + before.lastIndexOf('\n') + 1;
    parts.push(parts.at(-1)?.endsWith(LABEL_END) ? before.trimStart() : before);
    const isInTable = text.startsWith('|', lineStart);
    const { replacement, last } = replaceElement(page, index, isInTable);
    parts.push(isInTable ? replacement.replace(/[\n\ufdd2\ufdd3]+/g, ' ') : replacement);
    end = tags[last]?.end ?? tag.end;
    index = last;
  }
  parts.push(text.slice(end));
  return parts.join('').replaceAll(LABEL_END, ' ');
}

/** Returns what replaces a tag, and the index of the last tag that it replaces. */
function replaceElement(page: Page, index: number, isInTable: boolean): { replacement: string; last: number } {
  const { text, tags, closings, context } = page;
  const tag = tags[index] as Tag;
  const name = tag.name.toLowerCase();
  const closing = closings.get(index);
  const source = text.slice(tag.start, tag.end);
  if (tag.kind === 'skipped') return { replacement: '', last: index };
  if (tag.kind === 'expression') return { replacement: readExpression(source), last: index };
  if (tag.kind === 'close' ? !page.atClosing.has(index) && !isKnown(tag) : !isMarkup(tag, closing)) {
    return { replacement: context.vault.hideSpan(toInlineCode(source)), last: index };
  }
  if (tag.kind === 'close') return { replacement: readClosing(page, index, name), last: index };
  if (isComponent(tag.name)) return { replacement: openComponent(page, index), last: index };
  if (closing === undefined) return { replacement: readSingleTag(tag, name, context), last: index };

  const content = text.slice(tag.end, tags[closing]?.start);
  const endOfElement = tags[closing]?.end;
  if (HIDDEN_ELEMENTS.has(name)) return { replacement: '', last: closing };
  if (HTML_BLOCKS.has(name)) {
    const converted = convertHtml(text.slice(tag.start, endOfElement), context, { isInline: isInTable });
    return { replacement: `\n\n${converted}\n\n`, last: closing };
  }
  if (CODE_ELEMENTS.has(name) && closing === index + 1 && !content.includes('\n\n')) {
    const code = context.vault.restore(decodeReferences(content));
    return { replacement: context.vault.hideSpan(toInlineCode(code)), last: closing };
  }
  if (name === 'a' && closing === index + 1) {
    return { replacement: formatLink(content, tag.attributes.get('href') ?? '', context), last: closing };
  }
  const summaryEnd = name === 'details' && isSummary(tags[index + 1]) ? closings.get(index + 1) : undefined;
  if (summaryEnd !== undefined) {
    const summary = text.slice(tags[index + 1]?.end, tags[summaryEnd]?.start);
    page.atClosing.set(closing, `\n\n${SECTION_END}\n\n`);
    const title = convertHtml(summary, context, { isInline: true });
    return { replacement: `\n\n${SECTION_START}${title}\n\n`, last: summaryEnd };
  }
  return { replacement: BLOCK_ELEMENTS.has(name) ? '\n\n' : '', last: index };
}

function isSummary(tag: Tag | undefined): boolean {
  return tag?.kind === 'open' && tag.name.toLowerCase() === 'summary';
}

/** Whether this is a tag, and not a placeholder such as `<name>` or `<your name>` that is meant to be read. */
function isMarkup(tag: Tag, closing: number | undefined): boolean {
  if (closing !== undefined || tag.kind === 'empty') return true;
  return OPEN_ELEMENTS.has(tag.name.toLowerCase()) || (tag.hasValues && isKnown(tag));
}

function isKnown({ name }: Tag): boolean {
  return isComponent(name) || isHtmlElement(name.toLowerCase());
}

/** Returns what stands for the opening tag of a component: its title, as a heading, a line or a label of its text. */
function openComponent({ text, tags, closings, atClosing }: Page, index: number): string {
  const { name, attributes, end } = tags[index] as Tag;
  const closing = closings.get(index);
  if (/^(?:img|image)$/i.test(name)) return describeImage(attributes.get('alt') ?? '', attributes.get('src') ?? '');
  const title = titleOf(name, attributes).replaceAll('\n', ' ');
  const description = descriptionOf(attributes);
  const opening = description === '' ? '' : `${description}\n\n`;
  if (title === '') return opening === '' ? '' : `\n\n${opening}`;
  if (closing !== undefined && isSectionComponent(name)) {
    atClosing.set(closing, `\n\n${SECTION_END}\n\n`);
    return `\n\n${SECTION_START}${title}\n\n${opening}`;
  }
  const next = text.slice(end, Math.min(tags[index + 1]?.start ?? text.length, end + MAX_LOOKAHEAD));
  if (opening === '' && closing !== undefined && PROSE_START.test(next)) {
    return `\n\n${title}${/[.:!?]$/.test(title) ? '' : ':'}${LABEL_END}`;
  }
  return `\n\n${title}\n\n${opening}`;
}

function readClosing({ atClosing }: Page, index: number, name: string): string {
  return atClosing.get(index) || (BLOCK_ELEMENTS.has(name) ? '\n\n' : '');
}

function readSingleTag({ attributes }: Tag, name: string, context: LinkContext): string {
  if (name === 'br') return '\n';
  if (name === 'img') {
    return decodeText(describeImage(attributes.get('alt') ?? '', attributes.get('src') ?? ''), context.vault);
  }
  return BLOCK_ELEMENTS.has(name) ? '\n\n' : '';
}

/** Returns the text of an expression: of a string, and of a name alone, which may be a placeholder. */
function readExpression(source: string): string {
  const content = source.slice(1, -1);
  if (/^\s*[\w-]+\s*$/.test(content)) return source;
  return unquote(content);
}
