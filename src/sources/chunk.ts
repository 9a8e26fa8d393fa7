import { type Block, findBlocks } from './blocks.ts';
import { SECTION_END, SECTION_START } from './sections.ts';

/** A piece of a source: the unit of search and citation. */
export interface Chunk {
  /** The headings above the text, outermost first; they are not repeated in the text. */
  readonly headingPath: readonly string[];
  readonly text: string;
}

/**
 * Estimated sizes in tokens: four UTF-16 units are one token, and each unit from U+2E80 on (Chinese, Japanese, Korean)
 * is one. Adjacent blocks are merged up to the target, small blocks up to the maximum. Longer prose is split.
 */
const MIN_TOKENS = 200;
const TARGET_TOKENS = 400;
const MAX_TOKENS = 800;

/** Above this size, code is split at the ends of lines, so that no passage grows without bound. */
const MAX_CODE_TOKENS = 8_000;

/** In UTF-16 units. The parts of a table repeat its head, unless it is longer. */
const MAX_REPEATED_HEAD = 1_000;

const SECTION_MARKS = new RegExp(`[${SECTION_START}${SECTION_END}]`, 'g');

interface SizedBlock {
  readonly block: Block;
  readonly size: number;
}

const segmenter = new Intl.Segmenter('und', { granularity: 'sentence' });

/**
 * Splits the Markdown of `readDocument` at headings into chunks of about 200 to 800 tokens, in the order of the text.
 * Every word is in the text of one chunk or in heading paths. A long table is split between rows, and each part repeats
 * its head. Fenced code is not split unless it is very long. A paragraph that is too long is split at the ends of sentences. A
 * heading with nothing below it is no chunk: it ends the chunk before it, or begins the first one. Takes linear time.
 */
export function chunkMarkdown(text: string): Chunk[] {
  const blocks = findBlocks(text).flatMap((block) => splitBlock(text, block));
  const chunks: { headingPath: readonly string[]; text: string }[] = [];
  let lonelyHeadings = '';
  for (const block of mergeSmallBlocks(text, blocks)) {
    const chunkText = readBlock(text, block);
    const last = chunks.at(-1);
    if (block.kind !== 'heading') {
      chunks.push({ headingPath: block.headingPath, text: lonelyHeadings + chunkText });
      lonelyHeadings = '';
    } else if (last !== undefined) {
      last.text += `\n\n${chunkText}`;
    } else {
      lonelyHeadings += `${chunkText}\n\n`;
    }
  }
  // A text of headings alone is a text.
  if (lonelyHeadings !== '') chunks.push({ headingPath: [], text: lonelyHeadings.trim() });
  return chunks;
}

/** Returns the text of a block, without marks of sections, and with the head of the table that it continues. */
function readBlock(text: string, { start, end, tableHead }: Block): string {
  const head = tableHead === undefined ? '' : `${text.slice(tableHead.start, tableHead.end)}\n`;
  return (head + text.slice(start, end)).replace(SECTION_MARKS, '').trim();
}

/** Merges adjacent blocks of one section, so that no chunk is needlessly small. */
function mergeSmallBlocks(text: string, blocks: readonly Block[]): Block[] {
  const sized = blocks.map((block) => ({ block, size: countTokens(text, block.start, block.end) }));
  const fits = (a: number, b: number) => a + b <= TARGET_TOKENS || (a < MIN_TOKENS && a + b <= MAX_TOKENS);
  const mergedToTarget = mergeAdjacent(sized, fits);
  // Merges small remainders at the end of a section, or before a long table.
  const merged = mergeAdjacent(mergedToTarget, (a, b) => Math.min(a, b) < MIN_TOKENS && a + b <= MAX_TOKENS);
  return merged.map(({ block }) => block);
}

/** Merges adjacent blocks of one section that fit. A merged block is one span of the text, so nothing is lost. */
function mergeAdjacent(blocks: readonly SizedBlock[], fits: (size: number, nextSize: number) => boolean): SizedBlock[] {
  const joined: SizedBlock[] = [];
  for (const next of blocks) {
    const last = joined.at(-1);
    if (last !== undefined && last.block.headingPath === next.block.headingPath && fits(last.size, next.size)) {
      const kind = last.block.kind === 'heading' ? next.block.kind : last.block.kind;
      joined[joined.length - 1] = { block: { ...last.block, kind, end: next.block.end }, size: last.size + next.size };
    } else {
      joined.push(next);
    }
  }
  return joined;
}

/** Returns the block, or its parts if it is too long for one chunk. */
function splitBlock(text: string, block: Block): Block[] {
  const isProse = block.kind === 'prose' || block.kind === 'heading';
  const limit = block.kind === 'code' ? MAX_CODE_TOKENS : MAX_TOKENS;
  if (countTokens(text, block.start, block.end) <= limit) return [block];
  const tableHead = block.kind === 'table' ? findTableHead(text, block) : undefined;
  const parts: Block[] = [];
  let size = 0;
  for (const { start, end } of findPieces(text, block, isProse)) {
    const pieceSize = countTokens(text, start, end);
    const last = parts.at(-1);
    if (last !== undefined && size + pieceSize <= (isProse ? TARGET_TOKENS : limit)) {
      parts[parts.length - 1] = { ...last, end };
      size += pieceSize;
    } else {
      parts.push({ ...block, start, end, ...(tableHead && last && { tableHead }) });
      size = pieceSize;
    }
  }
  return parts.map((part) => trimBlock(text, part)).filter(({ start, end }) => end > start);
}

/** Returns the span of the first two lines of a table; undefined if they are too long to be repeated. */
function findTableHead(text: string, { start, end }: Block): Block['tableHead'] {
  const headEnd = text.indexOf('\n', text.indexOf('\n', start) + 1);
  return headEnd === -1 || headEnd >= end || headEnd - start > MAX_REPEATED_HEAD ? undefined : { start, end: headEnd };
}

/**
 * Yields the smallest parts of a block: sentences of prose, lines of a table or code, or parts of long lines or
 * sentences.
 */
function* findPieces(text: string, { start, end }: Block, isProse: boolean): Generator<{ start: number; end: number }> {
  if (isProse) {
    // A line break ends a sentence too. The block is segmented in one call, because starting a segmentation is slow.
    for (const { index, segment } of segmenter.segment(text.slice(start, end)))
      yield* splitSpan(text, start + index, start + index + segment.length);
    return;
  }
  for (let line = start; line < end; ) {
    const next = text.indexOf('\n', line);
    const lineEnd = next === -1 || next >= end ? end : next + 1;
    yield* splitSpan(text, line, lineEnd);
    line = lineEnd;
  }
}

/** Splits a span into parts of about `TARGET_TOKENS`: at spaces if there are any, else between any two characters. */
function* splitSpan(text: string, start: number, end: number): Generator<{ start: number; end: number }> {
  let pieceStart = start;
  let afterSpace = start;
  let size = 0;
  for (let index = start; index < end; index += 1) {
    size += tokensOf(text.charCodeAt(index));
    if (text[index] === ' ') afterSpace = index + 1;
    if (size < TARGET_TOKENS || isLowSurrogate(text.charCodeAt(index + 1))) continue;
    const pieceEnd = afterSpace > pieceStart ? afterSpace : index + 1;
    yield { start: pieceStart, end: pieceEnd };
    size = countTokens(text, pieceEnd, index + 1);
    pieceStart = pieceEnd;
  }
  if (end > pieceStart) yield { start: pieceStart, end };
}

function countTokens(text: string, start: number, end: number): number {
  let tokens = 0;
  for (let index = start; index < end; index += 1) tokens += tokensOf(text.charCodeAt(index));
  return tokens;
}

function tokensOf(unit: number): number {
  return unit < 0x2e80 ? 0.25 : 1;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

function trimBlock(text: string, block: Block): Block {
  const part = text.slice(block.start, block.end);
  const start = block.start + part.length - part.trimStart().length;
  return { ...block, start, end: Math.max(start, block.start + part.trimEnd().length) };
}
