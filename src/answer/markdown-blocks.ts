import { isTableDelimiterRow } from '../domain/markdown/table.ts';

/** A span of a text: UTF-16 offsets, end exclusive, no white space at either end. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** An item of a list. The span covers its marker and the items nested in it. */
export interface ListItem extends Span {
  /** The start of the words, after the marker. */
  readonly textStart: number;
  /** 0 for the outermost items. */
  readonly depth: number;
  /** Whether other items or code are nested in it. */
  readonly hasParts: boolean;
}

/**
 * A part of a Markdown text. Lines that say nothing by themselves (images, rules, comments) are part of no block. The
 * span of `CODE` covers its fences, that of `PROSE` lacks the markers of a quotation and of `Q:` or `A:`.
 */
export type Block = Span &
  (
    | { readonly kind: 'HEADING' | 'PROSE' | 'CODE' }
    | { readonly kind: 'LIST'; readonly isOrdered: boolean; readonly items: readonly ListItem[] }
    /** `head` is the row with the names of the columns, empty if there is none; the rows lack the pipes around them. */
    | { readonly kind: 'TABLE'; readonly head: string; readonly rows: readonly Span[] }
  );

type OpenItem = ListItem & { end: number; hasParts: boolean };

interface Line extends Span {
  readonly content: string;
  /** The number of characters before the content. */
  readonly indent: number;
}

/** A line of at least this length was probably wrapped by an editor, not ended by its author. */
const WRAPPED_LINE_LENGTH = 60;

/** In UTF-16 units: the end of a line in which the end of a sentence is searched. */
const TAIL_LENGTH = 12;

const FENCE = /^(?:`{3,}|~{3,})/;
const HEADING = /^#{1,6}(?:\s|$)/;
/** A comment, or the kind of a note in a quotation: `[!NOTE]`. */
const COMMENT = /^<!--|^(?:>\s*)?\[![A-Za-z]+\]$/;
const IMAGE = /!\[[^[\]]*\](?:\([^()]*\))?/g;
/** What remains of a badge, which is an image in a link. */
const EMPTY_LINK = /\[\s*\]\([^()]*\)/g;
/** The underline of a heading, or a line between sections. */
const RULE = /^[\s|:=*_-]*$/;
const QUOTATION_MARKER = /^(?:>|[QA]:\s|\s)+/;
const ITEM_MARKER = /^(?:[-*+•]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?/;
const CLOSED_SENTENCE = /[.!?:;…。！？]["'”’)\]]*$/;

/**
 * Finds the blocks of a Markdown text, in order. A line break ends a paragraph, unless the line was only wrapped there.
 * A list contains the indented lines below its items, and code between its numbered items. Code without a closing fence
 * reaches to the end of the text. Takes linear time.
 */
export function findBlocks(text: string): Block[] {
  const lines = splitLines(text);
  const blocks: Block[] = [];
  let index = 0;
  while (index < lines.length) {
    const { block, next } = readBlock(lines, index);
    if (block !== undefined) blocks.push(block);
    index = next;
  }
  return blocks;
}

/** Whether a line is a rule, a comment, or has only images. */
function saysNothing(content: string): boolean {
  if (COMMENT.test(content) || RULE.test(content)) return true;
  return content.includes('![') && content.replace(IMAGE, '').replace(EMPTY_LINK, '').trim() === '';
}

/** Whether the line `next` continues the sentence of the line `line`. */
function isWrapped(line: string, next: string): boolean {
  if (/^\p{Ll}/u.test(next)) return true;
  return line.length >= WRAPPED_LINE_LENGTH && !CLOSED_SENTENCE.test(line.slice(-TAIL_LENGTH));
}

/** Reads the block that starts at a line; `next` is the index of the first line after it. */
function readBlock(lines: readonly Line[], index: number): { block?: Block; next: number } {
  const line = lines[index] as Line;
  const { content } = line;
  if (FENCE.test(content)) {
    const last = findFenceEnd(lines, index);
    return { block: { kind: 'CODE', start: line.start, end: (lines[last] as Line).end }, next: last + 1 };
  }
  if (HEADING.test(content)) return { block: { kind: 'HEADING', start: line.start, end: line.end }, next: index + 1 };
  if (ITEM_MARKER.test(content)) return readList(lines, index);
  if (isTableRow(lines, index)) return readTable(lines, index);
  if (content === '' || saysNothing(content)) return { next: index + 1 };
  return readParagraph(lines, index);
}

function readParagraph(lines: readonly Line[], index: number): { block?: Block; next: number } {
  const first = lines[index] as Line;
  const marker = QUOTATION_MARKER.exec(first.content)?.[0] ?? '';
  const start = first.start + marker.length;
  if (start >= first.end) return { next: index + 1 };
  let last = index;
  while (continuesParagraph(lines, last, marker.startsWith('>'))) last += 1;
  return { block: { kind: 'PROSE', start, end: (lines[last] as Line).end }, next: last + 1 };
}

/** Whether the paragraph that contains a line contains the next line too. */
function continuesParagraph(lines: readonly Line[], index: number, isQuotation: boolean): boolean {
  const line = (lines[index] as Line).content;
  const next = lines[index + 1]?.content ?? '';
  const words = isQuotation && next.startsWith('>') ? next.slice(1).trimStart() : next;
  const startsBlock = [FENCE, HEADING, ITEM_MARKER, QUOTATION_MARKER].some((pattern) => pattern.test(words));
  return !startsBlock && !saysNothing(words) && !isTableRow(lines, index + 1) && isWrapped(line, words);
}

function readList(lines: readonly Line[], index: number): { block: Block; next: number } {
  const first = lines[index] as Line;
  const isOrdered = isNumbered(first.content);
  /** The open items, outermost first. */
  const open: { item: OpenItem; indent: number }[] = [];
  const items: OpenItem[] = [];
  let last = index;
  for (let at: number | undefined = index; at !== undefined; at = findListLine(lines, last, first, isOrdered)) {
    const line = lines[at] as Line;
    const marker = ITEM_MARKER.exec(line.content)?.[0];
    last = FENCE.test(line.content) ? findFenceEnd(lines, at) : at;
    const { end } = lines[last] as Line;
    if (marker !== undefined) {
      while (open.length > 0 && line.indent <= (open.at(-1)?.indent ?? 0)) open.pop();
      for (const { item } of open) item.hasParts = true;
      const textStart = line.start + marker.length;
      if (textStart >= end) continue;
      const item = { start: line.start, textStart, depth: open.length, hasParts: false, end };
      open.push({ item, indent: line.indent });
      items.push(item);
    }
    for (const { item } of open) {
      item.end = end;
      item.hasParts ||= last > at;
    }
  }
  return {
    block: { kind: 'LIST', isOrdered, items, start: first.start, end: (lines[last] as Line).end },
    next: last + 1,
  };
}

/** Finds the next line of a list after the line `last`; undefined where the list ends. */
function findListLine(lines: readonly Line[], last: number, { indent }: Line, isOrdered: boolean): number | undefined {
  let index = last + 1;
  while (lines[index]?.content === '') index += 1;
  const line = lines[index];
  if (line === undefined) return undefined;
  const isAfterGap = index > last + 1;
  if (ITEM_MARKER.test(line.content) && line.indent <= indent)
    return !isAfterGap || isNumbered(line.content) === isOrdered ? index : undefined;
  if (line.indent > indent && !HEADING.test(line.content)) return index;
  if (FENCE.test(line.content) && !isAfterGap) return index;
  // Code that is not indented stands between two steps if the numbers go on after it.
  if (isOrdered && FENCE.test(line.content)) {
    let next = findFenceEnd(lines, index) + 1;
    while (lines[next]?.content === '') next += 1;
    const number = /^\d+/.exec(lines[next]?.content ?? '')?.[0];
    return number !== undefined && number !== '1' && ITEM_MARKER.test(lines[next]?.content ?? '') ? index : undefined;
  }
  const startsBlock = [FENCE, HEADING, QUOTATION_MARKER].some((pattern) => pattern.test(line.content));
  return !isAfterGap &&
    !startsBlock &&
    !saysNothing(line.content) &&
    isWrapped((lines[last] as Line).content, line.content)
    ? index
    : undefined;
}

function isNumbered(content: string): boolean {
  return /^\d/.test(content);
}

/** Whether a line is a row of a table: it starts with a pipe, or a delimiter row follows. */
function isTableRow(lines: readonly Line[], index: number): boolean {
  const { content = '' } = lines[index] ?? {};
  return content.startsWith('|') || (content.includes('|') && isTableDelimiterRow(lines[index + 1]?.content ?? ''));
}

function readTable(lines: readonly Line[], index: number): { block: Block; next: number } {
  const { start, content } = lines[index] as Line;
  const hasHead = isTableDelimiterRow(lines[index + 1]?.content ?? '');
  const rows: Span[] = [];
  let next = hasHead ? index + 2 : index;
  for (; lines[next]?.content.includes('|'); next += 1) {
    const row = lines[next] as Line;
    if (!RULE.test(row.content)) rows.push(trimRow(row));
  }
  const { end } = lines[next - 1] as Line;
  return { block: { kind: 'TABLE', head: hasHead ? content : '', rows, start, end }, next };
}

/** Returns the span of a row without the pipes and empty cells around it. */
function trimRow({ start, content }: Line): Span {
  let first = 0;
  let end = content.length;
  while (/[|\s]/.test(content.charAt(first))) first += 1;
  while (/[|\s]/.test(content.charAt(end - 1))) end -= 1;
  return { start: start + first, end: start + end };
}

/** Returns the index of the line that closes the fence of a line; of the last line if none does. */
function findFenceEnd(lines: readonly Line[], index: number): number {
  const fence = FENCE.exec(lines[index]?.content ?? '')?.[0] ?? '';
  for (let end = index + 1; end < lines.length; end += 1) {
    const { content } = lines[end] as Line;
    if (content.startsWith(fence) && FENCE.exec(content)?.[0] === content) return end;
  }
  return lines.length - 1;
}

function splitLines(text: string): Line[] {
  let lineStart = 0;
  return text.split('\n').map((line) => {
    const content = line.trim();
    const indent = content === '' ? 0 : line.length - line.trimStart().length;
    const start = lineStart + indent;
    lineStart += line.length + 1;
    return { start, end: start + content.length, content, indent };
  });
}
