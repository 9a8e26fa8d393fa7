import { splitSentences } from './sentences.ts';

/** The maximum size of a statement, in UTF-16 units and in lines; earlier text is not read. */
const MAX_STATEMENT_CHARS = 2_000;
const MAX_STATEMENT_LINES = 40;

/** Characters between a marker and the next statement. */
const SEPARATORS = /^[\s,;:.!?)\]}、，；：。！？–—-]*/;

/**
 * Finds the statement at the end of a text: its last sentence, list item or table row. If the previous marker was
 * removed inside it, at `previousMarker`, and a word follows that offset, the statement is only the part after the
 * offset. Offsets are in UTF-16 units, end exclusive; undefined when there is no word at all. The cost does not depend
 * on the length of the text.
 */
export function findStatement(text: string, previousMarker: number): { start: number; end: number } | undefined {
  const windowStart = findWindowStart(text);
  const tail = text.slice(windowStart).trimEnd();
  const end = tail.length;
  const marker = Math.max(0, previousMarker - windowStart);
  const start = findSentenceStart(tail, 0);
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

function findSentenceStart(text: string, from: number): number {
  const last = splitSentences(text.slice(from)).at(-1);
  // A heading is not a sentence, but counts as a statement.
  if (last === undefined || /[\p{L}\p{N}]/u.test(text.slice(from + last.end))) {
    const line = text.lastIndexOf('\n') + 1;
    return line + (/^[#\s]*/.exec(text.slice(line))?.[0].length ?? 0);
  }
  // If a sentence announces a list, the statement is the list's last item only.
  if (last.announcedStart !== undefined && !last.isCode) return findSentenceStart(text, from + last.announcedStart);
  return from + last.start;
}
