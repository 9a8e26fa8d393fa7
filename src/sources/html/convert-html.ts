import { formatTable } from '../../domain/markdown/table.ts';
import { BLOCK_PLACEHOLDER, toFencedCode, toInlineCode } from '../markdown/code-vault.ts';
import { decodeReferences, decodeText } from '../markdown/inline.ts';
import { describeImage, formatLink, type LinkContext } from '../markdown/links.ts';
import { SECTION_END, SECTION_START } from '../sections.ts';
import { BLOCK_ELEMENTS, CODE_ELEMENTS, HIDDEN_ELEMENTS } from './element-names.ts';
import { findTags, matchTags, type Tag } from './tags.ts';
import { createWriter, type Writer } from './writer.ts';

/** HTML with its tags. */
interface Html {
  readonly text: string;
  readonly tags: readonly Tag[];
  /** The index of the closing tag, by the index of the opening tag. */
  readonly closings: ReadonlyMap<number, number>;
  readonly context: LinkContext;
}

/** Elements within each other beyond this depth are read as text of the element around them. */
const MAX_DEPTH = 12;
const MAX_TAGS_IN_LINK = 50;

/**
 * Converts HTML to Markdown: headings, paragraphs, lists, tables, code and links. What a reader does not see, such as
 * scripts, styles and navigation, is dropped. The result is clean text, except that code and addresses are hidden in
 * the vault of `context`. With `isInline`, it is one line. Takes linear time.
 */
export function convertHtml(text: string, context: LinkContext, options: { isInline?: boolean } = {}): string {
  const tags = findTags(text);
  const html: Html = { text, tags, closings: matchTags(tags), context };
  const writer = createWriter(options);
  writeRange(html, 0, tags.length, writer, 0);
  return writer.toText();
}

/** Writes the text around the tags from index `first` up to `last`, which is excluded, and their elements. */
function writeRange(html: Html, first: number, last: number, writer: Writer, depth: number): void {
  const { text, tags } = html;
  let end = tags[first - 1]?.end ?? 0;
  for (let index = first; index < last; index += 1) {
    const tag = tags[index] as Tag;
    writeText(html, text.slice(end, tag.start), writer);
    index = writeElement(html, index, writer, depth);
    end = tags[index]?.end ?? text.length;
  }
  writeText(html, text.slice(end, tags[last]?.start ?? text.length), writer);
}

/** Writes text outside of tags; blocks of hidden code stand on lines of their own. */
function writeText({ context }: Html, text: string, writer: Writer): void {
  let end = 0;
  for (const match of text.matchAll(BLOCK_PLACEHOLDER)) {
    writer.write(decodeText(text.slice(end, match.index), context.vault));
    writer.writeBlock(match[0]);
    end = match.index + match[0].length;
  }
  writer.write(decodeText(text.slice(end), context.vault));
}

/** Writes a tag, or a whole element; returns the index of the last tag that is written. */
function writeElement(html: Html, index: number, writer: Writer, depth: number): number {
  const tag = html.tags[index] as Tag;
  const name = tag.name.toLowerCase();
  const closing = html.closings.get(index);
  if (closing !== undefined) {
    if (isHidden(tag, name)) return closing;
    if (depth < MAX_DEPTH && writeWholeElement(html, index, closing, writer, depth)) return closing;
  }
  if (name === 'br') writer.breakLine();
  else if (name === 'img') {
    writeText(html, describeImage(tag.attributes.get('alt') ?? '', tag.attributes.get('src') ?? ''), writer);
  } else if (name === 'ul' || name === 'ol') {
    if (tag.kind === 'close') writer.closeList();
    else writer.openList(name === 'ol');
  } else if (name === 'li' && tag.kind !== 'close') writer.startItem();
  else if (name === 'dd' && tag.kind !== 'close') writer.startDefinition();
  else if (name === 'td' || name === 'th') writer.write(' ');
  else if (BLOCK_ELEMENTS.has(name)) writer.startParagraph();
  return index;
}

function isHidden({ attributes }: Tag, name: string): boolean {
  if (HIDDEN_ELEMENTS.has(name) || attributes.has('hidden')) return true;
  return attributes.get('role') === 'navigation' || attributes.get('aria-hidden') === 'true';
}

/** Writes an element whose content needs a form of its own. Returns whether it did. */
function writeWholeElement(html: Html, index: number, closing: number, writer: Writer, depth: number): boolean {
  const { text, tags, context } = html;
  const { name: rawName, attributes, end } = tags[index] as Tag;
  const name = rawName.toLowerCase();
  const writeInline = () => {
    const inner = createWriter({ isInline: true });
    writeRange(html, index + 1, closing, inner, depth + 1);
    return inner.toText();
  };
  const level = /^h([1-6])$/.exec(name)?.[1];
  if (level !== undefined) {
    const title = writeInline();
    if (title !== '') writer.writeBlock(`${'#'.repeat(Number(level))} ${title}`);
  } else if (name === 'pre') {
    const code = context.vault.restore(decodeReferences(dropTags(html, index, closing)));
    const language = /\b(?:language|lang)-([\w+#-]+)/.exec(text.slice(tags[index]?.start, end + 200))?.[1];
    if (code.trim() !== '') writer.writeBlock(context.vault.hideBlock(toFencedCode(code, language)));
  } else if (CODE_ELEMENTS.has(name)) {
    const code = context.vault.restore(decodeReferences(dropTags(html, index, closing)));
    writer.write(context.vault.hideSpan(toInlineCode(code)));
  } else if (name === 'a') {
    if (!hasBlocks(html, index, closing))
      writer.write(formatLink(writeInline(), attributes.get('href') ?? '', context));
    else return false;
  } else if (name === 'details' && !writer.isInline) {
    return writeDetails(html, index, closing, writer, depth);
  } else if (name === 'table' && !writer.isInline) {
    return writeTable(html, index, closing, writer, depth);
  } else {
    return false;
  }
  return true;
}

/** Writes details as a section under their summary; returns false if they have none. */
function writeDetails(html: Html, index: number, closing: number, writer: Writer, depth: number): boolean {
  const summaryEnd = html.closings.get(index + 1);
  if (!/^summary$/i.test(html.tags[index + 1]?.name ?? '') || summaryEnd === undefined) return false;
  const title = createWriter({ isInline: true });
  writeRange(html, index + 2, summaryEnd, title, depth + 1);
  writer.writeBlock(`${SECTION_START}${title.toText()}`);
  writeRange(html, summaryEnd + 1, closing, writer, depth + 1);
  writer.writeBlock(SECTION_END);
  return true;
}

/** Writes a table; returns false for one that only arranges a page: with one column, or with headings or tables in it. */
function writeTable(html: Html, index: number, closing: number, writer: Writer, depth: number): boolean {
  const { tags } = html;
  if (tags.slice(index + 1, closing).some(({ name }) => /^(?:table|h[1-6])$/i.test(name))) return false;
  const rows: { cells: string[]; isHead: boolean }[] = [];
  for (let position = index + 1; position < closing; position += 1) {
    const { kind, name } = tags[position] as Tag;
    const key = name.toLowerCase();
    if (kind !== 'open') continue;
    if (key === 'tr') rows.push({ cells: [], isHead: true });
    if (key !== 'td' && key !== 'th') continue;
    const row = rows.at(-1) ?? rows[rows.push({ cells: [], isHead: true }) - 1];
    const end = html.closings.get(position) ?? findCellEnd(tags, position, closing);
    const cell = createWriter({ isInline: true });
    writeRange(html, position + 1, end, cell, depth + 1);
    row?.cells.push(cell.toText());
    if (row && key === 'td') row.isHead = false;
    position = end - 1;
  }
  const filled = rows.filter(({ cells }) => cells.some((cell) => cell !== ''));
  const columns = filled.reduce((count, { cells }) => Math.max(count, cells.length), 0);
  if (columns < 2) return false;
  const [first, ...rest] = filled;
  if (first === undefined) return true;
  if (!first.isHead && columns === 2) {
    for (const { cells } of filled) writer.writeBlock(cells.filter((cell) => cell !== '').join(': '), 1);
    return true;
  }
  const head = Array.from({ length: columns }, (_, column) => first.cells[column] ?? '');
  writer.writeBlock(
    formatTable(
      head,
      rest.map(({ cells }) => cells),
    ),
  );
  return true;
}

/** Returns the index of the tag that ends a cell without a closing tag. */
function findCellEnd(tags: readonly Tag[], start: number, limit: number): number {
  for (let index = start + 1; index < limit; index += 1) {
    if (/^(?:td|th|tr|thead|tbody|tfoot)$/i.test(tags[index]?.name ?? '')) return index;
  }
  return limit;
}

/** Returns the text of an element without the tags in it. */
function dropTags({ text, tags }: Html, index: number, closing: number): string {
  const parts: string[] = [];
  for (let position = index; position < closing; position += 1) {
    if (/^br$/i.test(tags[position]?.name ?? '')) parts.push('\n');
    parts.push(text.slice(tags[position]?.end, tags[position + 1]?.start));
  }
  return parts.join('');
}

/** Whether an element contains blocks; so does one with very many tags, which is no link of a text. */
function hasBlocks({ tags }: Html, index: number, closing: number): boolean {
  if (closing - index > MAX_TAGS_IN_LINK) return true;
  return tags
    .slice(index + 1, closing)
    .some(({ name }) => BLOCK_ELEMENTS.has(name.toLowerCase()) || /^h[1-6]$/i.test(name));
}
