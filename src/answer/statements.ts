import { splitSentences } from './sentences.ts';

/** In UTF-16 units: no statement reaches back further. */
const REACH = 2_000;

/** What parts a statement from a marker before it. */
const SEPARATORS = /^[\s,;:.!?)\]}、，；：。！？–—-]*/;

/**
 * The statement that the end of a text belongs to: its last sentence, list item or table row, or what stands of it after
 * `from`, where the last marker stood, if that holds any word. UTF-16 offsets, end exclusive; undefined when there is no
 * word at all.
 */
export function findStatement(text: string, from: number): { start: number; end: number } | undefined {
  const end = text.trimEnd().length;
  const base = text.lastIndexOf('\n', Math.max(0, end - REACH)) + 1;
  const start = Math.max(base, end - REACH, findSentenceStart(text, base, end));
  const rest = text.slice(from, end);
  const behind = from + (SEPARATORS.exec(rest)?.[0].length ?? 0);
  const chosen = behind > start && /[\p{L}\p{N}]/u.test(rest) ? behind : start;
  return /[\p{L}\p{N}]/u.test(text.slice(chosen, end)) ? { start: chosen, end } : undefined;
}

function findSentenceStart(text: string, from: number, end: number): number {
  const last = splitSentences(text.slice(from, end)).at(-1);
  // A heading is no sentence, and stands for itself.
  if (last === undefined || /[\p{L}\p{N}]/u.test(text.slice(from + last.end, end))) {
    const line = text.lastIndexOf('\n', end - 1) + 1;
    return line + (/^[#\s]*/.exec(text.slice(line, end))?.[0].length ?? 0);
  }
  // Of a list that a sentence announces only the last item is meant.
  if (last.layoutStart !== undefined && !last.isCode) return findSentenceStart(text, from + last.layoutStart, end);
  return from + last.start;
}
