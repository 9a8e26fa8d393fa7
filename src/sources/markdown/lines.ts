import { matchFences } from '../fences.ts';
import type { CodeVault } from './code-vault.ts';

/** A line of a text. The rules that clean a text leave lines of fenced code alone. */
export interface Line {
  readonly text: string;
  readonly isCode: boolean;
}

const MAX_QUOTE_LEVELS = 4;
const QUOTE_MARK = /^([ \t]*)>[ \t]?/;
const QUOTE_MARKS = /^([ \t]*)(?:>[ \t]?)+/;
const LIST_ITEM = /^\s*(?:[-*+]|\d{1,9}[.)])\s/;
/** What code has and prose has not, at the end or anywhere. */
const CODE_SIGNS = /[{}<>=$\\|]|[;(),[\]]$|^\s*(?:[$#%>]|\w+:\s*$|(?:sudo|npm|npx|git|cd|docker|curl|pip)\s)|\s--?\w/;

/** Splits a text into lines. Quotation marks at the start of lines (`> `) are dropped, so that fences are found. */
export function readLines(text: string): Line[] {
  let lines = text.split('\n');
  // One level after the other, because code in a quotation may start with the same mark.
  for (let level = 1; level <= MAX_QUOTE_LEVELS && lines.some((line) => QUOTE_MARK.test(line)); level += 1) {
    const isCode = createFenceTest(lines);
    lines = lines.map((line, index) => {
      if (isCode(index) || !line.includes('>') || isTagEnd(line, lines[index - 1])) return line;
      return line.replace(level < MAX_QUOTE_LEVELS ? QUOTE_MARK : QUOTE_MARKS, '$1');
    });
  }
  const isCode = createFenceTest(lines);
  return lines.map((line, index) => ({ text: line, isCode: isCode(index) }));
}

/**
 * Makes fenced code of indented code: lines with four spaces or a tab in front, after an empty line and outside of
 * lists, that look like code. Other indented lines stay prose, because people indent paragraphs too.
 */
export function fenceIndentedCode(lines: readonly Line[]): Line[] {
  const result: Line[] = [];
  let isInList = false;
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] as Line;
    if (!isInList && isIndented(line) && isBlank(lines[index - 1])) {
      const end = findIndentedEnd(lines, index);
      for (const blockLine of fenceCode(lines.slice(index, end))) result.push(blockLine);
      index = end - 1;
      continue;
    }
    if (LIST_ITEM.test(line.text)) isInList = true;
    else if (/^\S/.test(line.text)) isInList = false;
    result.push(line);
  }
  return result;
}

/** Returns indented lines as fenced code if at least half of them look like code, else as they are. */
function fenceCode(block: readonly Line[]): readonly Line[] {
  const written = block.filter((line) => !isBlank(line));
  if (written.filter(({ text }) => CODE_SIGNS.test(text)).length * 2 < written.length) return block;
  const code = block.map(({ text }) => text.replace(/^(?: {4}|\t)/, ''));
  return ['```', ...code, '```'].map((text) => ({ text, isCode: true }));
}

/** Joins lines to a text in which code is hidden: fenced code, and inline code. */
export function hideCode(lines: readonly Line[], vault: CodeVault): string {
  const parts: string[] = [];
  let paragraph: string[] = [];
  const endParagraph = () => {
    if (paragraph.length > 0) parts.push(hideInlineCode(paragraph.join('\n'), vault));
    paragraph = [];
  };
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] as Line;
    if (line.isCode) {
      endParagraph();
      const start = index;
      while (lines[index + 1]?.isCode) index += 1;
      parts.push(vault.hideBlock(joinLines(lines.slice(start, index + 1))));
    } else if (line.text.trim() === '') {
      endParagraph();
      parts.push('');
    } else {
      paragraph.push(line.text);
    }
  }
  endParagraph();
  return parts.join('\n');
}

/** Hides the code spans of a paragraph: what is between two runs of equally many backticks. */
function hideInlineCode(paragraph: string, vault: CodeVault): string {
  if (!paragraph.includes('`')) return paragraph;
  const runs = Array.from(paragraph.matchAll(/`+/g), ({ 0: { length }, index }) => ({ length, index }));
  /** The positions in `runs` of the runs of each length, the last first. */
  const byLength = new Map<number, number[]>();
  for (let position = runs.length - 1; position >= 0; position -= 1) {
    const { length } = runs[position] as { length: number };
    const positions = byLength.get(length);
    if (positions === undefined) byLength.set(length, [position]);
    else positions.push(position);
  }
  const parts: string[] = [];
  let end = 0;
  for (let position = 0; position < runs.length; position += 1) {
    const opening = runs[position] as { length: number; index: number };
    const positions = byLength.get(opening.length) ?? [];
    while ((positions.at(-1) ?? position + 1) <= position) positions.pop();
    const closing = paragraph[opening.index - 1] === '\\' ? undefined : positions.at(-1);
    const closingRun = closing === undefined ? undefined : runs[closing];
    if (closing === undefined || closingRun === undefined) continue;
    const spanEnd = closingRun.index + closingRun.length;
    parts.push(paragraph.slice(end, opening.index), vault.hideSpan(paragraph.slice(opening.index, spanEnd)));
    end = spanEnd;
    position = closing;
  }
  parts.push(paragraph.slice(end));
  return parts.join('');
}

/** Whether a line ends a tag of several lines: after a line of text, `>` alone is no quotation. */
function isTagEnd(line: string, lineBefore = ''): boolean {
  return line.trim() === '>' && /^\s*[^\s>]/.test(lineBefore);
}

/** Returns a test whether the line with an index is in fenced code, its fences included. */
function createFenceTest(lines: readonly string[]): (index: number) => boolean {
  const isCode = new Uint8Array(lines.length);
  for (const [start, end] of matchFences(lines)) isCode.fill(1, start, end + 1);
  return (index) => isCode[index] === 1;
}

/** Returns the index after the last of the indented lines that start at `start`; empty lines may be between them. */
function findIndentedEnd(lines: readonly Line[], start: number): number {
  let end = start;
  for (let index = start; index < lines.length; index += 1) {
    const line = lines[index] as Line;
    if (isIndented(line)) end = index + 1;
    else if (!isBlank(line)) break;
  }
  return end;
}

function isIndented(line: Line): boolean {
  return !line.isCode && /^(?: {4}|\t)/.test(line.text) && !isBlank(line);
}

function isBlank(line: Line | undefined): boolean {
  return line === undefined || (!line.isCode && line.text.trim() === '');
}

/** Joins lines into a text, with a line break between two lines. */
export function joinLines(lines: readonly Line[]): string {
  return lines.map(({ text }) => text).join('\n');
}
