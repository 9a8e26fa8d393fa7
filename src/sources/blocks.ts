/** A span of Markdown text that forms a unit. Offsets are in UTF-16 units, the end is exclusive. */
export interface Block {
  readonly start: number;
  readonly end: number;
  /** The headings above it, outermost first; all blocks of a section share the same array instance. */
  readonly path: readonly string[];
  /** Whether it is a table or fenced code, which is not cut into sentences. */
  readonly isWhole: boolean;
}

interface Line {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** In UTF-16 units. A longer heading counts as text, because every chunk below a heading repeats it. */
const MAX_HEADING_LENGTH = 200;

const ATX_HEADING = /^ {0,3}(#{1,6})(?:[ \t]|$)/;
const SETEXT_RULE = /^ {0,3}(?:=+|-+)[ \t]*$/;
const FENCE = /^\s*(`{3,}|~{3,})/;
const TABLE_RULE = /^[ \t|:-]+$/;

/**
 * Finds the blocks of a text, in order: paragraphs, lists and other runs of lines without an empty line between them,
 * tables, fenced code. A heading becomes part of the path of the blocks below it; if there are none, it becomes a block
 * itself. Everything except white space is in a block or a path. A fence that is never closed is ordinary text.
 */
export function findBlocks(text: string): Block[] {
  const lines = splitLines(text);
  const fences = closeFences(lines);
  const outline = createOutline();
  let paragraph: Line[] = [];

  function endParagraph(): void {
    outline.add(paragraph, false);
    paragraph = [];
  }

  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] as Line;
    const heading = readHeading(line.text);
    const last = fences.get(index) ?? findTableEnd(lines, index);
    const [title] = paragraph;
    if (last !== undefined) {
      endParagraph();
      outline.add(lines.slice(index, last + 1), true);
      index = last;
    } else if (heading !== undefined) {
      endParagraph();
      outline.enter(heading.level, heading.title, line);
    } else if (title !== undefined && paragraph.length === 1 && isUnderlined(title.text, line.text)) {
      paragraph = [];
      outline.enter(line.text.includes('=') ? 1 : 2, title.text.trim(), title);
    } else if (line.text.trim() === '') {
      endParagraph();
    } else {
      paragraph.push(line);
    }
  }
  endParagraph();
  outline.leave(1);
  return outline.blocks;
}

/** Tracks the headings above the current line. */
function createOutline() {
  const blocks: Block[] = [];
  /** Outermost first. `isUsed`: the heading is in a block's path; otherwise the heading itself becomes a block. */
  const headings: { level: number; line: Line; path: readonly string[]; isUsed: boolean }[] = [];
  const root: readonly string[] = [];
  const path = () => headings.at(-1)?.path ?? root;

  function add(lines: readonly Line[], isWhole: boolean): void {
    const first = lines[0];
    if (first === undefined) return;
    for (const heading of headings) heading.isUsed = true;
    blocks.push({ start: first.start, end: lines.at(-1)?.end ?? first.end, path: path(), isWhole });
  }

  /** Ends the sections of this level and of deeper levels. */
  function leave(level: number): void {
    for (let last = headings.at(-1); last !== undefined && last.level >= level; last = headings.at(-1)) {
      headings.pop();
      if (!last.isUsed) add([last.line], false);
    }
  }

  function enter(level: number, title: string, line: Line): void {
    leave(level);
    headings.push({ level, line, path: [...path(), title], isUsed: false });
  }

  return { blocks, add, leave, enter };
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

/** Maps each line that opens a fence to the line that closes it. */
function closeFences(lines: readonly Line[]): Map<number, number> {
  const pairs = new Map<number, number>();
  let open: { index: number; mark: string } | undefined;
  for (const [index, { text }] of lines.entries()) {
    const mark = FENCE.exec(text)?.[1];
    if (mark === undefined) continue;
    if (open === undefined) {
      open = { index, mark };
    } else if (mark.startsWith(open.mark) && text.trim() === mark) {
      pairs.set(open.index, index);
      open = undefined;
    }
  }
  return pairs;
}

/** Finds the last line of the table that starts at this line; undefined unless the next line is a rule of dashes. */
function findTableEnd(lines: readonly Line[], index: number): number | undefined {
  const rule = lines[index + 1]?.text ?? '';
  if (!lines[index]?.text.includes('|') || !rule.includes('|') || !rule.includes('-') || !TABLE_RULE.test(rule))
    return undefined;
  let last = index + 1;
  while (lines[last + 1]?.text.includes('|')) last += 1;
  return last;
}

function readHeading(line: string): { level: number; title: string } | undefined {
  const level = ATX_HEADING.exec(line)?.[1]?.length;
  if (level === undefined || line.length > MAX_HEADING_LENGTH) return undefined;
  // Removes the closing `##` of "## Title ##", but not the `#` of "## C#".
  const title = line.trim().slice(level).replace(/\s#+$/, '').trim();
  return title === '' ? undefined : { level, title };
}

/** Whether `rule`, the line below, makes a line a heading. A list item or a quotation is never a heading. */
function isUnderlined(title: string, rule: string): boolean {
  return SETEXT_RULE.test(rule) && title.length <= MAX_HEADING_LENGTH && !/^\s*(?:[-*+>]|\d+[.)])\s/.test(title);
}
