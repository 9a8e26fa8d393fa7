import { formatTable } from '../../domain/markdown/table.ts';

/** Tabs need no further proof, because prose has no tabs in equal numbers in all lines. */
const DELIMITERS = ['\t', ',', ';'];

/** How many characters are looked at to tell that a text is no table. */
const SAMPLE_LENGTH = 10_000;
const MAX_NAME_LENGTH = 60;

/** A name of a column: no sentence, no address and no Markdown. */
const COLUMN_NAME = /^[^|<>{}[\]#*`:/]*[\p{L}\p{N})%]$/u;

/**
 * Reads a text that a spreadsheet exported, with commas, semicolons or tabs between the columns (CSV, TSV), as a table.
 * The first row has the names of the columns. Returns undefined if the text is something else. Source of the quotation
 * rules: RFC 4180.
 */
export function readDelimited(text: string): string | undefined {
  const sample = text.slice(0, SAMPLE_LENGTH);
  const delimiter = DELIMITERS.find((candidate) => isTable(sample, candidate, sample.length < text.length));
  if (delimiter === undefined) return undefined;
  const [head = [], ...rows] = readRows(text, delimiter);
  return formatTable(head, rows);
}

/** Whether a text has the columns of its first line in all lines. */
function isTable(sample: string, delimiter: string, isCut: boolean): boolean {
  const firstLine = sample.slice(0, sample.indexOf('\n'));
  if (!firstLine.includes(delimiter)) return false;
  const rows = readRows(sample, delimiter);
  // The last row of a sample may be incomplete.
  if (isCut) rows.pop();
  const [head = [], ...others] = rows;
  const isNamed = head.every((name) => name.length <= MAX_NAME_LENGTH && COLUMN_NAME.test(name));
  if (head.length < 2 || others.length === 0 || !isNamed || new Set(head).size < head.length) return false;
  if (others.some(({ length }) => length !== head.length)) return false;
  // Lines of prose may have one comma each, with a space after it.
  const isSpaced = firstLine.includes(`${delimiter} `);
  return delimiter === '\t' || (isSpaced ? head.length > 2 && others.length > 1 : head.length + others.length > 3);
}

/** Reads the rows with anything in them; their cells are trimmed. */
function readRows(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  const endRow = () => {
    if (cells.some((cell) => cell !== '')) rows.push(cells);
    cells = [];
  };
  let position = 0;
  while (position < text.length) {
    const { cell, end } = readCell(text, position, delimiter);
    cells.push(cell);
    if (text[end] !== delimiter) endRow();
    // A delimiter at the end of the text is followed by an empty cell.
    else if (end === text.length - 1) cells.push('');
    position = end + 1;
  }
  endRow();
  return rows;
}

/** Reads the cell that starts at a position. `end` is the position of the delimiter or line break after it. */
function readCell(text: string, start: number, delimiter: string): { cell: string; end: number } {
  const endOfPlain = (from: number) => {
    let end = from;
    while (end < text.length && text[end] !== delimiter && text[end] !== '\n') end += 1;
    return end;
  };
  if (text[start] !== '"') {
    const end = endOfPlain(start);
    return { cell: text.slice(start, end).trim(), end };
  }
  let end = start + 1;
  while (end < text.length && (text[end] !== '"' || text[end + 1] === '"')) end += text[end] === '"' ? 2 : 1;
  const cell = text
    .slice(start + 1, end)
    .replaceAll('""', '"')
    .replace(/\s+/g, ' ')
    .trim();
  return { cell, end: endOfPlain(end + 1) };
}
