import { type Block, findBlocks } from './markdown-blocks.ts';
import { splitSentences } from './sentences.ts';

/** The maximum size of a statement, in UTF-16 units and in lines; earlier text is not read. */
const MAX_STATEMENT_CHARS = 2_000;
const MAX_STATEMENT_LINES = 40;

/** Characters between a marker and the next statement. */
const SEPARATORS = /^[\s,;:.!?)\]}、，；：。！？–—-]*/;

/**
 * Finds the statement at the end of a text: its last sentence, list item, table row or heading, or its last code with
 * the sentence before it. If the previous marker was removed inside it, at `previousMarker`, and a word follows that
 * offset, the statement is only the part after the offset. Offsets are in UTF-16 units, end exclusive; undefined when
 * there is no word at all. The cost does not depend on the length of the text.
 */
export function findStatement(text: string, previousMarker: number): { start: number; end: number } | undefined {
  const windowStart = findWindowStart(text);
  const tail = text.slice(windowStart).trimEnd();
  const end = tail.length;
  const marker = Math.max(0, previousMarker - windowStart);
  const start = findStatementStart(tail);
  const afterMarker = tail.slice(marker);
  const afterSeparators = marker + (SEPARATORS.exec(afterMarker)?.[0].length ?? 0);
  const statementStart = afterSeparators > start && /[\p{L}\p{N}]/u.test(afterMarker) ? afterSeparators : start;
  return /[\p{L}\p{N}]/u.test(tail.slice(statementStart))
    ? { start: windowStart + statementStart, end: windowStart + end }
    : undefined;
}

/** Returns the start of the text that is read. */
function findWindowStart(text: string): number {
  const earliest = Math.max(0, text.length - MAX_STATEMENT_CHARS);
  const tail = text.slice(earliest);
  let start = tail.length;
  for (let lines = 0; lines < MAX_STATEMENT_LINES && start > 0; lines += 1) start = tail.lastIndexOf('\n', start - 1);
  return earliest + Math.max(0, start);
}

function findStatementStart(text: string): number {
  const blocks = findBlocks(text);
  const last = blocks.at(-1);
  if (last === undefined || /[\p{L}\p{N}]/u.test(text.slice(last.end))) {
    const line = text.lastIndexOf('\n') + 1;
    return line + (/^[#\s]*/.exec(text.slice(line))?.[0].length ?? 0);
  }
  const before = blocks.at(-2);
  if (last.kind === 'CODE' && before?.kind === 'PROSE') return findStartInBlock(text, before);
  return findStartInBlock(text, last);
}

function findStartInBlock(text: string, block: Block): number {
  const { start } = block;
  switch (block.kind) {
    case 'HEADING':
      return start + (/^[#\s]*/.exec(text.slice(start, block.end))?.[0].length ?? 0);
    case 'CODE':
      return start;
    case 'TABLE':
      return block.rows.at(-1)?.start ?? start;
    case 'LIST': {
      const item = block.items.at(-1);
      return item === undefined ? start : lastSentenceStart(text, item.textStart, item.end);
    }
    case 'PROSE':
      return lastSentenceStart(text, start, block.end);
  }
}

function lastSentenceStart(text: string, start: number, end: number): number {
  return splitSentences(text, { start, end }).at(-1)?.start ?? start;
}
