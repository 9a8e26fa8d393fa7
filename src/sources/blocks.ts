/** A span of Markdown text that forms a unit. Offsets are in UTF-16 units, the end is exclusive. */
export interface Block {
  readonly start: number;
  readonly end: number;
  /** The headings above the block, outermost first; all blocks of a section share the same array instance. */
  readonly headingPath: readonly string[];
  /** Whether the block is a table or fenced code, which is not split into sentences. */
  readonly isTableOrCode: boolean;
}

interface Line {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** In UTF-16 units. A longer heading counts as text, because every chunk below a heading repeats it. */
const MAX_HEADING_LENGTH = 200;

const ATX_HEADING = /^ {0,3}(#{1,6})(?:[ \t]|$)/;
const SETEXT_UNDERLINE = /^ {0,3}(?:=+|-+)[ \t]*$/;
const FENCE = /^\s*(`{3,}|~{3,})/;
const TABLE_DELIMITER_ROW = /^[ \t|:-]+$/;

/**
 * Finds the blocks of a text, in order: paragraphs, lists and other runs of lines without an empty line between them,
 * tables, fenced code. A heading becomes part of the heading path of the blocks below it; a heading without blocks
 * below it becomes a block. Everything except white space is in a block or a heading path. A fence that is never closed
 * is ordinary text.
 */
export function findBlocks(text: string): Block[] {
  const lines = splitLines(text);
  const fences = matchFences(lines);
  const outline = createOutline();
  let paragraph: Line[] = [];

  function endParagraph(): void {
    outline.addBlock(paragraph, false);
    paragraph = [];
  }

  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] as Line;
    const heading = readHeading(line.text);
    const lastIndex = fences.get(index) ?? findTableEnd(lines, index);
    const [firstLine] = paragraph;
    if (lastIndex !== undefined) {
      endParagraph();
      outline.addBlock(lines.slice(index, lastIndex + 1), true);
      index = lastIndex;
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
  const headings: { level: number; line: Line; path: readonly string[]; isUsed: boolean }[] = [];
  const rootPath: readonly string[] = [];
  const path = () => headings.at(-1)?.path ?? rootPath;

  function addBlock(lines: readonly Line[], isTableOrCode: boolean): void {
    const first = lines[0];
    if (first === undefined) return;
    for (const heading of headings) heading.isUsed = true;
    blocks.push({ start: first.start, end: lines.at(-1)?.end ?? first.end, headingPath: path(), isTableOrCode });
  }

  /** Ends the sections of this level and of deeper levels. */
  function closeSections(level: number): void {
    for (let last = headings.at(-1); last !== undefined && last.level >= level; last = headings.at(-1)) {
      headings.pop();
      if (!last.isUsed) addBlock([last.line], false);
    }
  }

  function openSection(level: number, title: string, line: Line): void {
    closeSections(level);
    headings.push({ level, line, path: [...path(), title], isUsed: false });
  }

  return { blocks, addBlock, closeSections, openSection };
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

/** Maps the index of each line that opens a fence to the index of the line that closes the fence. */
function matchFences(lines: readonly Line[]): Map<number, number> {
  const pairs = new Map<number, number>();
  let openFence: { index: number; mark: string } | undefined;
  for (const [index, { text }] of lines.entries()) {
    const mark = FENCE.exec(text)?.[1];
    if (mark === undefined) continue;
    if (openFence === undefined) {
      openFence = { index, mark };
    } else if (mark.startsWith(openFence.mark) && text.trim() === mark) {
      pairs.set(openFence.index, index);
      openFence = undefined;
    }
  }
  return pairs;
}

/** Returns the index of the last line of the table that starts at a line; undefined if no table starts there. */
function findTableEnd(lines: readonly Line[], index: number): number | undefined {
  const next = lines[index + 1]?.text ?? '';
  const isDelimiterRow = next.includes('|') && next.includes('-') && TABLE_DELIMITER_ROW.test(next);
  if (!lines[index]?.text.includes('|') || !isDelimiterRow) return undefined;
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
