import { isTableDelimiterRow } from '../domain/markdown/table.ts';
import { matchFences } from './fences.ts';
import { toPlainTitle } from './plain-title.ts';
import { SECTION_END, SECTION_START } from './sections.ts';

/** A span of Markdown text that forms a unit. Offsets are in UTF-16 units, the end is exclusive. */
export interface Block {
  readonly start: number;
  readonly end: number;
  /** The headings above the block, outermost first; all blocks of a section share the same array instance. */
  readonly headingPath: readonly string[];
  /** Tables and fenced code are not split into sentences; `heading` is a heading with nothing below it. */
  readonly kind: 'prose' | 'table' | 'code' | 'heading';
  /** The head of the table that the block continues: the span of its first two rows, which are not in the block. */
  readonly tableHead?: { readonly start: number; readonly end: number };
}

interface Line {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** In UTF-16 units. A longer heading counts as text, because every chunk below a heading repeats it. */
const MAX_HEADING_LENGTH = 200;

/** How many headings a path may have. Titles of deeper sections are text, because every chunk repeats its path. */
const MAX_DEPTH = 16;

const ATX_HEADING = /^ {0,3}(#{1,6})(?:[ \t]|$)/;
const SETEXT_UNDERLINE = /^ {0,3}(?:=+|-+)[ \t]*$/;

/** How much deeper than the heading above it a section of `SECTION_START` is: less than any heading of Markdown. */
const SECTION_DEPTH = 0.001;

/**
 * Finds the blocks of a text, in order: paragraphs, lists and other runs of lines without an empty line between them,
 * tables, fenced code. A heading becomes part of the heading path of the blocks below it, without its markup; a heading
 * without blocks below it becomes a block. Everything except white space is in a block or a heading path. A fence that
 * is never closed is ordinary text.
 */
export function findBlocks(text: string): Block[] {
  const lines = splitLines(text);
  const fences = matchFences(lines.map((line) => line.text));
  const outline = createOutline();
  let paragraph: Line[] = [];

  function endParagraph(): void {
    outline.addBlock(paragraph, 'prose');
    paragraph = [];
  }

  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] as Line;
    const heading = readHeading(line.text);
    const fenceEnd = fences.get(index);
    const lastIndex = fenceEnd ?? findTableEnd(lines, index);
    const [firstLine] = paragraph;
    if (lastIndex !== undefined) {
      endParagraph();
      outline.addBlock(lines.slice(index, lastIndex + 1), fenceEnd === undefined ? 'table' : 'code');
      index = lastIndex;
    } else if (line.text.startsWith(SECTION_START)) {
      endParagraph();
      if (!outline.openElement(line.text.slice(SECTION_START.length).trim(), line)) paragraph.push(line);
    } else if (line.text === SECTION_END) {
      endParagraph();
      outline.closeElement();
    } else if (heading !== undefined) {
      endParagraph();
      outline.openSection(heading.level, heading.title, line);
    } else if (firstLine !== undefined && paragraph.length === 1 && isSetextHeading(firstLine.text, line.text)) {
      paragraph = [];
      outline.openSection(line.text.includes('=') ? 1 : 2, firstLine.text.trim(), firstLine);
    } else if (line.text.trim() === '') {
      endParagraph();
    } else {
      paragraph.push(line);
    }
  }
  endParagraph();
  outline.closeSections(1);
  return outline.blocks;
}

/** Tracks the headings above the current line. */
function createOutline() {
  const blocks: Block[] = [];
  /** Outermost first. `isUsed`: the heading is in a block's path; otherwise the heading itself becomes a block. */
  const headings: { level: number; line: Line; path: readonly string[]; isUsed: boolean; isElement: boolean }[] = [];
  const rootPath: readonly string[] = [];
  /** How many open sections are deeper than `MAX_DEPTH`. */
  let ignoredElements = 0;
  const path = () => headings.at(-1)?.path ?? rootPath;

  function addBlock(lines: readonly Line[], kind: Block['kind']): void {
    const first = lines[0];
    if (first === undefined) return;
    for (const heading of headings) heading.isUsed = true;
    blocks.push({ start: first.start, end: lines.at(-1)?.end ?? first.end, headingPath: path(), kind });
  }

  /** Ends the sections of this level and of deeper levels. */
  function closeSections(level: number): void {
    for (let last = headings.at(-1); last !== undefined && last.level >= level; last = headings.at(-1)) {
      // With it, the headings above it that have nothing else below them.
      const first = headings.findIndex(({ isUsed }) => !isUsed);
      const unused = first === -1 ? [] : headings.splice(first);
      if (unused.length === 0) headings.pop();
      else
        addBlock(
          unused.map(({ line }) => line),
          'heading',
        );
      headings.push(...unused.slice(0, -1).map((heading) => ({ ...heading, isUsed: true })));
    }
  }

  function openSection(level: number, title: string, line: Line): void {
    closeSections(level);
    headings.push({ level, line, path: [...path(), toPlainTitle(title)], isUsed: false, isElement: false });
  }

  /** Returns whether the section is open; otherwise its title is text. */
  function openElement(title: string, line: Line): boolean {
    if (headings.length >= MAX_DEPTH) {
      ignoredElements += 1;
      return false;
    }
    const level = (headings.at(-1)?.level ?? 0) + SECTION_DEPTH;
    headings.push({ level, line, path: [...path(), toPlainTitle(title)], isUsed: false, isElement: true });
    return true;
  }

  function closeElement(): void {
    if (ignoredElements > 0) {
      ignoredElements -= 1;
      return;
    }
    const element = headings.findLast(({ isElement }) => isElement);
    if (element !== undefined) closeSections(element.level);
  }

  return { blocks, addBlock, closeSections, openSection, openElement, closeElement };
}

function splitLines(text: string): Line[] {
  let start = 0;
  return text.split('\n').map((line) => {
    const end = start + line.length;
    const content = { start, end, text: line };
    start = end + 1;
    return content;
  });
}

/** Returns the index of the last line of the table that starts at a line; undefined if no table starts there. */
function findTableEnd(lines: readonly Line[], index: number): number | undefined {
  if (!lines[index]?.text.includes('|') || !isTableDelimiterRow(lines[index + 1]?.text ?? '')) return undefined;
  let lastIndex = index + 1;
  while (lines[lastIndex + 1]?.text.includes('|')) lastIndex += 1;
  return lastIndex;
}

function readHeading(line: string): { level: number; title: string } | undefined {
  const level = ATX_HEADING.exec(line)?.[1]?.length;
  if (level === undefined || line.length > MAX_HEADING_LENGTH) return undefined;
  // Removes the closing `##` of "## Title ##", but not the `#` of "## C#".
  const title = line.trim().slice(level).replace(/\s#+$/, '').trim();
  return title === '' ? undefined : { level, title };
}

/** Whether the line below a line underlines it, which makes it a heading. List items and quotations are no headings. */
function isSetextHeading(title: string, lineBelow: string): boolean {
  if (!SETEXT_UNDERLINE.test(lineBelow) || title.length > MAX_HEADING_LENGTH) return false;
  return !/^\s*(?:[-*+>]|\d+[.)])\s/.test(title);
}
