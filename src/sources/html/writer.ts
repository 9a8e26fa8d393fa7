/** Writes Markdown from the parts of a page. White space between them becomes one space, or a break that was asked for. */
export interface Writer {
  /** Whether everything is written in one line, as in a heading or the cell of a table. */
  readonly isInline: boolean;
  write(text: string): void;
  /** Writes lines that are a block of their own, with `breaks` line breaks before and after; 2 if absent. */
  writeBlock(lines: string, breaks?: 1 | 2): void;
  breakLine(): void;
  startParagraph(): void;
  openList(isNumbered: boolean): void;
  closeList(): void;
  startItem(): void;
  /** Starts the definition of the term in the line before it. */
  startDefinition(): void;
  /** Returns what was written, without white space at its ends. */
  toText(): string;
}

/** Items of lists within more lists than this are not indented further. */
const MAX_INDENT = 8;

/** Creates a writer for one text. */
export function createWriter({ isInline = false } = {}): Writer {
  const parts: string[] = [];
  const lists: { isNumbered: boolean; items: number }[] = [];
  /** The line breaks to write before the next text. */
  let breaks = 0;
  let needsSpace = false;
  /** What the next text follows in its line: the mark of a list item. */
  let mark = '';
  const indent = () => '  '.repeat(Math.min(Math.max(lists.length - (mark === '' ? 0 : 1), 0), MAX_INDENT));

  function add(text: string): void {
    if (parts.length > 0 && breaks > 0) parts.push(isInline ? ' ' : '\n'.repeat(breaks));
    else if (parts.length > 0 && needsSpace) parts.push(' ');
    if (!isInline && (breaks > 0 || parts.length === 0)) parts.push(indent());
    parts.push(mark, text);
    breaks = 0;
    needsSpace = false;
    mark = '';
  }

  function breakLines(count: number): void {
    // Paragraphs in an item stay with it.
    breaks = Math.max(breaks, lists.length > 0 ? 1 : count);
  }

  return {
    isInline,
    write(text) {
      const words = text.replace(/[ \t\n]+/g, ' ');
      const trimmed = words.trim();
      if (words.startsWith(' ')) needsSpace = true;
      if (trimmed === '') return;
      add(trimmed);
      needsSpace = words.endsWith(' ');
    },
    writeBlock(lines, count = 2) {
      breakLines(count);
      add(lines);
      breakLines(count);
    },
    breakLine: () => breakLines(1),
    startParagraph: () => breakLines(2),
    openList(isNumbered) {
      breakLines(2);
      lists.push({ isNumbered, items: 0 });
    },
    closeList() {
      lists.pop();
      mark = '';
      breakLines(2);
    },
    startItem() {
      const list = lists.at(-1);
      breakLines(1);
      if (isInline) return;
      if (list !== undefined) list.items += 1;
      mark = list?.isNumbered ? `${list.items}. ` : '- ';
    },
    startDefinition() {
      if (breaks === 0 || parts.length === 0) return;
      breaks = 0;
      needsSpace = true;
      if (/[^:?!.]$/.test(parts.at(-1) ?? '')) parts.push(':');
    },
    toText: () => parts.join('').trim(),
  };
}
