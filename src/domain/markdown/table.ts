/** The row below the head of a table: dashes with optional colons, in at least one cell. */
const DELIMITER_ROW = /^[ \t|:-]+$/;

/**
 * The maximum length of a column name in a described row, in UTF-16 units, so that the descriptions of a table with a
 * long head and many short rows stay proportional to the table.
 */
const MAX_NAME_LENGTH = 80;

/** Whether a line is the delimiter row of a Markdown table, such as `|---|:--:|`. */
export function isTableDelimiterRow(line: string): boolean {
  return line.includes('|') && line.includes('-') && DELIMITER_ROW.test(line);
}

/** Splits a row of a Markdown table into its trimmed cells. An escaped pipe belongs to its cell, without the escape. */
export function splitTableRow(row: string): string[] {
  const cells: string[] = [];
  let start = 0;
  for (let index = row.indexOf('|'); index !== -1; index = row.indexOf('|', index + 1)) {
    if (row[index - 1] === '\\') continue;
    cells.push(row.slice(start, index));
    start = index + 1;
  }
  cells.push(row.slice(start));
  // Outer pipes are optional: what is outside of them is no cell.
  if (cells.length > 1 && cells[0]?.trim() === '') cells.shift();
  if (cells.length > 1 && cells.at(-1)?.trim() === '') cells.pop();
  return cells.map((cell) => cell.trim().replaceAll('\\|', '|'));
}

/** Writes a Markdown table. Rows may have fewer cells than the head. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [formatTableRow(head), `|${'---|'.repeat(head.length)}`, ...rows.map(formatTableRow)].join('\n');
}

/** Writes cells as a row of a Markdown table. Pipes are escaped, and line breaks become spaces. */
export function formatTableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

/**
 * Describes a row of a Markdown table in words, for a reader who does not see the table: `Plan: Basic; Price: 10 EUR`.
 * `head` is the row with the column names. Empty cells are left out, and a cell without a column name stands alone.
 */
export function describeTableRow(head: string, row: string): string {
  return describeCells(splitTableRow(head), row);
}

/**
 * Replaces the tables in a Markdown text by descriptions of their rows, one per line, for a search index: a word of a
 * row is near the name of its column. The name of the first column, which says only what the rows are, is not repeated:
 * it would count for much more than it says. Other lines stay as they are.
 */
export function describeTables(markdown: string): string {
  if (!markdown.includes('|')) return markdown;
  const lines = markdown.split('\n');
  const described: string[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (!line.includes('|') || !isTableDelimiterRow(lines[index + 1] ?? '')) {
      described.push(line);
      continue;
    }
    const names = splitTableRow(line);
    described.push(names.join('; '));
    const repeatedNames = ['', ...names.slice(1)];
    for (index += 2; lines[index]?.includes('|'); index += 1)
      described.push(describeCells(repeatedNames, lines[index] ?? ''));
    index -= 1;
  }
  return described.join('\n');
}

function describeCells(names: readonly string[], row: string): string {
  return splitTableRow(row)
    .map((cell, column) => {
      const name = names[column]?.slice(0, MAX_NAME_LENGTH).toWellFormed() ?? '';
      return name === '' || cell === '' ? cell : `${name}: ${cell}`;
    })
    .filter((cell) => cell !== '')
    .join('; ');
}
