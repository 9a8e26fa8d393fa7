import { toTerms } from '../domain/language/terms.ts';
import { type Block, findBlocks, type Span } from './markdown-blocks.ts';
import type { Hit } from './retrieve.ts';
import { scoreTerms, type WeightedWord } from './score-passage.ts';
import { splitSentences } from './sentences.ts';

/** In UTF-16 units: the maximum of one passage, so that none fills a prompt alone; about 2,000 tokens of English. */
const MAX_PASSAGE_CHARS = 8_000;

/** In UTF-16 units: a longer block is divided into sentences, items, rows or lines. */
const MAX_UNDIVIDED_CHARS = 400;

/** Stands for what is left out. */
const GAP = '\n…\n';

/** A part of a passage that is kept or left out as a whole. */
interface Unit extends Span {
  /** The names of a table's columns or the fence of code, without which the part cannot be understood. */
  readonly head?: Span;
}

/**
 * Chooses what a prompt contains of the passages, at most `maxChars` UTF-16 units in all: equal shares, of which short
 * passages leave the rest to longer ones. A passage beyond its share is cut to the parts that match the question best,
 * with what stands around them, and "…" for what is left out. Passages without text are left out.
 */
export function choosePassages(hits: readonly Hit[], words: readonly WeightedWord[], maxChars: number): Hit[] {
  const withText = hits.filter(({ passage }) => passage.text.trim() !== '');
  const share = findShare(
    withText.map(({ passage }) => Math.min(passage.text.length, MAX_PASSAGE_CHARS)),
    maxChars,
  );
  return withText.map((hit) => {
    const { passage } = hit;
    if (passage.text.length <= share) return hit;
    return { ...hit, passage: { ...passage, text: cutPassage(passage.text, words, share) } };
  });
}

/** Finds the largest share, at most `MAX_PASSAGE_CHARS`, for which texts of these lengths are cut to `total`. */
function findShare(lengths: readonly number[], total: number): number {
  let remaining = total;
  for (const [index, length] of lengths.toSorted((a, b) => a - b).entries()) {
    const share = Math.floor(remaining / (lengths.length - index));
    if (length > share) return share;
    remaining -= length;
  }
  return MAX_PASSAGE_CHARS;
}

/** Cuts a passage to the parts that match best and the parts around the best one, in their order. */
function cutPassage(text: string, words: readonly WeightedWord[], maxChars: number): string {
  const units = findBlocks(text).flatMap((block) => divide(text, block));
  const scores = units.map(({ start, end }) => scoreTerms(toTerms(text.slice(start, end)), words, 1));
  const bestIndex = Math.max(0, scores.indexOf(Math.max(...scores)));
  const indexes = [...units.keys()];
  const matching = indexes.filter((index) => (scores[index] ?? 0) > 0);
  const byScore = matching.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const byDistance = indexes.toSorted((a, b) => Math.abs(a - bestIndex) - Math.abs(b - bestIndex));
  const kept = new Set<number>();
  const heads = new Set<Span>();
  let remaining = maxChars - 2 * GAP.length;

  /** Keeps a part if it fits and leaves `reserve`; returns false if it does not. */
  function keep(index: number, reserve: number): boolean {
    const { start, end, head } = units[index] as Unit;
    const headLength = head === undefined || heads.has(head) ? 0 : head.end - head.start + GAP.length;
    const cost = end - start + headLength + GAP.length;
    if (kept.has(index)) return true;
    if (cost > remaining - reserve) return false;
    kept.add(index);
    if (head !== undefined) heads.add(head);
    remaining -= cost;
    return true;
  }

  // Half of the space is for matching parts anywhere, the rest for what stands around the best part.
  for (const index of byScore) keep(index, maxChars / 2);
  byDistance.every((index) => keep(index, 0));
  // Not even one part fits, such as a line of thousands of characters.
  if (kept.size === 0) return truncate(text.slice(units[bestIndex]?.start ?? 0), maxChars - GAP.length) + GAP.trimEnd();
  const spans = [...heads, ...units.filter((_, index) => kept.has(index))];
  return joinSpans(text, spans);
}

/** Joins spans of a text in their order, with "…" where words between them are left out. */
function joinSpans(text: string, spans: readonly Span[]): string {
  let joined = '';
  let end = 0;
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const between = text.slice(end, span.start);
    if (/[\p{L}\p{N}]/u.test(between)) joined += joined === '' ? GAP.trimStart() : GAP;
    else if (joined !== '') joined += between;
    joined += text.slice(span.start, span.end);
    end = span.end;
  }
  return /[\p{L}\p{N}]/u.test(text.slice(end)) ? joined + GAP.trimEnd() : joined;
}

/** Divides a block that is long. Rows and lines belong to the head of their table or code. */
function divide(text: string, block: Block): Unit[] {
  if (block.end - block.start <= MAX_UNDIVIDED_CHARS) return [{ start: block.start, end: block.end }];
  switch (block.kind) {
    case 'PROSE':
      return splitSentences(text, block);
    case 'LIST':
      return block.items.filter(({ depth }) => depth === 0);
    case 'TABLE': {
      const { start, rows, head } = block;
      const headEnd = text.indexOf('\n', start + head.length + 1);
      const headSpan = head === '' || headEnd === -1 ? undefined : { start, end: headEnd };
      return rows.map((row) => ({ ...lineAround(text, row), ...(headSpan && { head: headSpan }) }));
    }
    case 'CODE': {
      const [fence, ...lines] = splitLines(text, block);
      return lines.map((line) => ({ ...line, ...(fence && { head: fence }) }));
    }
    case 'HEADING':
      return [{ start: block.start, end: block.end }];
  }
}

/** Returns the line that contains a span. */
function lineAround(text: string, { start, end }: Span): Span {
  const lineEnd = text.indexOf('\n', end);
  return { start: text.lastIndexOf('\n', start) + 1, end: lineEnd === -1 ? text.length : lineEnd };
}

function splitLines(text: string, { start, end }: Span): Span[] {
  let lineStart = start;
  return text
    .slice(start, end)
    .split('\n')
    .map((line) => {
      const span = { start: lineStart, end: lineStart + line.length };
      lineStart = span.end + 1;
      return span;
    });
}

/** Truncates a text, but not within a surrogate pair. */
export function truncate(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : text.slice(0, maxChars).replace(/[\ud800-\udbff]$/, '');
}
