import { normalizeText } from '../domain/text.ts';
import { type Block, findBlocks } from './blocks.ts';

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

/** Above this size, tables and code are split at the ends of lines, so that no passage grows without bound. */
const MAX_TABLE_OR_CODE_TOKENS = 8_000;

/** Invisible characters (controls, soft hyphens, direction marks, fillers, tags), except Persian and emoji joiners. */
const INVISIBLE = /(?:(?!\t|\n|\u200c|\u200d|[\ufe00-\ufe0f])[\p{Default_Ignorable_Code_Point}\p{Cc}\ufff9-\ufffb])+/gu;
const LINE_BREAK = /\r\n|[\r\v\f\x85\u2028\u2029]/g;

interface SizedBlock {
  readonly block: Block;
  readonly size: number;
}

const segmenter = new Intl.Segmenter('und', { granularity: 'sentence' });

/**
 * Splits Markdown or plain text at headings into chunks of about 200 to 800 tokens, in the order of the text. The text
 * is cleaned first; after that, every word is in the text of one chunk or in heading paths. Tables and fenced code are
 * not split unless they are very long. A paragraph that is too long is split at the ends of sentences. Takes linear
 * time.
 */
export function chunkMarkdown(text: string): Chunk[] {
  const cleaned = cleanText(text);
  const blocks = findBlocks(cleaned).flatMap((block) => splitBlock(cleaned, block));
  return mergeSmallBlocks(cleaned, blocks).map(({ start, end, headingPath }) => ({
    headingPath,
    text: cleaned.slice(start, end),
  }));
}

/** Cleans a text for storage: NFC, lines ended by `\n`, no invisible or direction-changing characters. */
export function cleanText(text: string): string {
  return normalizeText(text.toWellFormed().replace(LINE_BREAK, '\n').replace(INVISIBLE, ''), 'NFC');
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
      joined[joined.length - 1] = { block: { ...last.block, end: next.block.end }, size: last.size + next.size };
    } else {
      joined.push(next);
    }
  }
  return joined;
}

/** Returns the block, or its parts if it is too long for one chunk. */
function splitBlock(text: string, block: Block): Block[] {
  const limit = block.isTableOrCode ? MAX_TABLE_OR_CODE_TOKENS : MAX_TOKENS;
  if (countTokens(text, block.start, block.end) <= limit) return [block];
  const parts: Block[] = [];
  let size = 0;
  for (const { start, end } of findPieces(text, block)) {
    const pieceSize = countTokens(text, start, end);
    const last = parts.at(-1);
    if (last !== undefined && size + pieceSize <= (block.isTableOrCode ? MAX_TABLE_OR_CODE_TOKENS : TARGET_TOKENS)) {
      parts[parts.length - 1] = { ...last, end };
      size += pieceSize;
    } else {
      parts.push({ ...block, start, end });
      size = pieceSize;
    }
  }
  return parts.map((part) => trimBlock(text, part)).filter(({ start, end }) => end > start);
}

/**
 * Yields the smallest parts of a block: lines of a table or code, sentences of prose, or parts of long lines or
 * sentences.
 */
function* findPieces(text: string, { start, end, isTableOrCode }: Block): Generator<{ start: number; end: number }> {
  if (!isTableOrCode) {
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
