import { splitSentences } from './sentences.ts';

/** No statement reaches back further, and nothing further back is looked at: in UTF-16 units, and in lines. */
const MAX_STATEMENT_CHARS = 2_000;
const MAX_STATEMENT_LINES = 40;

/** What parts a statement from a marker before it. */
const SEPARATORS = /^[\s,;:.!?)\]}、，；：。！？–—-]*/;

/**
 * The statement that the end of a text belongs to: its last sentence, list item or table row, or what stands of it after
 * `from`, where the last marker stood, if that holds any word. UTF-16 offsets, end exclusive; undefined when there is no
 * word at all. Its cost does not depend on the length of the text.
 */
export function findStatement(text: string, from: number): { start: number; end: number } | undefined {
  const base = findBase(text);
  const near = text.slice(base).trimEnd();
  const end = near.length;
  const marker = Math.max(0, from - base);
  const start = findSentenceStart(near, 0);
  const rest = near.slice(marker);
  const behind = marker + (SEPARATORS.exec(rest)?.[0].length ?? 0);
  const chosen = behind > start && /[\p{L}\p{N}]/u.test(rest) ? behind : start;
  return /[\p{L}\p{N}]/u.test(near.slice(chosen)) ? { start: base + chosen, end: base + end } : undefined;
}

/** Where that begins which is looked at. */
function findBase(text: string): number {
  const base = Math.max(0, text.length - MAX_STATEMENT_CHARS);
  const near = text.slice(base);
  let start = near.length;
  for (let lines = 0; lines < MAX_STATEMENT_LINES && start > 0; lines += 1) start = near.lastIndexOf('\n', start - 1);
  return base + Math.max(0, start);
}

function findSentenceStart(text: string, from: number): number {
  const last = splitSentences(text.slice(from)).at(-1);
  // A heading is no sentence, and stands for itself.
  if (last === undefined || /[\p{L}\p{N}]/u.test(text.slice(from + last.end))) {
    const line = text.lastIndexOf('\n') + 1;
    return line + (/^[#\s]*/.exec(text.slice(line))?.[0].length ?? 0);
  }
  // Of a list that a sentence announces only the last item is meant.
  if (last.layoutStart !== undefined && !last.isCode) return findSentenceStart(text, from + last.layoutStart);
  return from + last.start;
}
