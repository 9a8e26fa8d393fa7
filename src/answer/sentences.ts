/** A span of a text that can be quoted by itself: UTF-16 offsets, end exclusive, no white space at either end. */
export interface Sentence {
  readonly start: number;
  readonly end: number;
  /** The start of the list or code that the sentence announces. A quote keeps line breaks only from there on. */
  readonly announcedStart?: number;
  /** Whether the sentence is a line of code, or its part from `announcedStart` on is code. */
  readonly isCode?: boolean;
}

const segmenter = new Intl.Segmenter('und', { granularity: 'sentence' });

/** Initials and abbreviations at the end of a text, whose full stop does not end a sentence. */
const ABBREVIATION =
  /(?:^|[^\p{L}\p{M}\p{N}])(?:\p{L}|mr|mrs|ms|dr|prof|st|sr|jr|rev|hon|gen|col|maj|capt|lt|sgt|gov|sen|rep|pres|vs|cf|ca|approx|est|dept|figs?|nos?|vol|pp|eds?|inc|ltd|co|corp|bros|mt|ft|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|bzw|vgl|nr|usw|mme|mlle)\.\s*$/iu;

/** Matches a text that ends with a stop but no white space, as in a path or an address: no sentence ends there. */
const STOP_WITHOUT_SPACE = /[.!?]["'”’)\]([]*$/;

/** The length of the longest abbreviation with its surroundings, in UTF-16 units. */
const MAX_ABBREVIATION_CHARS = 12;

/** A line of at least this length was probably wrapped by an editor, not ended by its author. */
const WRAPPED_LINE_LENGTH = 60;

/** In UTF-16 units: the maximum length of a quoted list or code block with the sentence that announces it. */
const MAX_ANNOUNCED_LENGTH = 500;

/** In UTF-16 units. A longer sentence, as in texts without full stops, is cut at white space. */
const MAX_SENTENCE_LENGTH = 500;

const FENCE = /^(?:`{3,}|~{3,})/;
/** Headings, images, badges. */
const UNQUOTABLE = /^(?:#{1,6}(?:\s|$)|\[?!\[)/;
/** The underline of a heading, the line below a table's header, or a line between sections. */
const RULE = /^[\s|:=*_-]*$/;
/** Text before the words of a list item, a quotation, a table row, or a question and its answer. */
const MARKER = /^(?:>|[-*+•]\s|\d{1,9}[.)]\s|\[[ xX]\]\s|\||[QA]:\s|\s)+/;
const LIST_ITEM = /^(?:[-*+•]|\d{1,9}[.)])\s/;
const CLOSED_SENTENCE = /[.!?:;…。！？]["'”’)\]]*$/;

/**
 * Splits a passage into sentences, in order. It parses the Markdown that matters for quotes: a list item, a table row
 * and a line of code are sentences of their own, without their markers; headings, images, rules and fences are left
 * out; the list or fenced code after a colon belongs to the sentence before it. A line break ends a sentence, unless
 * the line was only wrapped there.
 */
export function splitSentences(text: string): Sentence[] {
  return findBlocks(text).flatMap((block) => splitBlock(text, block));
}

/** A span of text; no sentence crosses its boundaries. */
interface Block {
  readonly start: number;
  end: number;
  /** The end of the list or code that the last sentence announces. */
  announcedEnd?: number;
  isCode?: boolean;
}

function findBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  /** The block that the next line may continue. */
  let openBlock: Block | undefined;
  /** The block whose colon announces the next list or code. */
  let announcingBlock: Block | undefined;
  let isInList = false;
  /** The number of blocks before the open fence; undefined outside code. */
  let blocksBeforeCode: number | undefined;

  for (const line of linesOf(text)) {
    const content = text.slice(line.start, line.end);
    if (content === '') {
      openBlock = undefined;
      isInList = false;
    } else if (FENCE.test(content)) {
      openBlock = undefined;
      if (blocksBeforeCode === undefined) {
        blocksBeforeCode = blocks.length;
      } else {
        if (announcingBlock !== undefined && extendAnnounced(announcingBlock, line)) {
          announcingBlock.isCode = true;
          blocks.length = blocksBeforeCode;
        }
        blocksBeforeCode = undefined;
        announcingBlock = undefined;
      }
    } else if (blocksBeforeCode !== undefined) {
      blocks.push({ ...line, isCode: true });
    } else if (UNQUOTABLE.test(content) || RULE.test(content)) {
      openBlock = undefined;
      announcingBlock = undefined;
    } else if ((isInList || LIST_ITEM.test(content)) && extendAnnounced(announcingBlock, line)) {
      openBlock = undefined;
      isInList = true;
    } else {
      const marker = MARKER.exec(content)?.[0].length ?? 0;
      if (marker === 0 && openBlock !== undefined && isWrapped(text.slice(openBlock.start, openBlock.end), content)) {
        openBlock.end = line.end;
      } else {
        const isRow = content.startsWith('|');
        const end = isRow ? endOfRow(text, line) : line.end;
        const block: Block = { start: line.start + marker, end };
        blocks.push(block);
        openBlock = isRow ? undefined : block;
      }
      isInList = false;
      announcingBlock = openBlock !== undefined && /[:：]/.test(text.charAt(openBlock.end - 1)) ? openBlock : undefined;
    }
  }
  return blocks;
}

/** Finds the end of a table row's text, before its closing pipes and empty cells. */
function endOfRow(text: string, { start, end }: Sentence): number {
  let last = end;
  while (last > start && (text[last - 1] === '|' || isSpace(text, last - 1))) last -= 1;
  return last;
}

/** Extends the list or code that a block announces by a line; returns false without a block, or if it gets too long. */
function extendAnnounced(announcingBlock: Block | undefined, line: Sentence): boolean {
  if (announcingBlock === undefined || line.end - announcingBlock.start > MAX_ANNOUNCED_LENGTH) return false;
  announcingBlock.announcedEnd = line.end;
  return true;
}

/** Whether the line `next` continues the sentence of the lines before it. */
function isWrapped(before: string, next: string): boolean {
  if (/^\p{Ll}/u.test(next)) return true;
  const last = before.slice(before.lastIndexOf('\n') + 1);
  return last.length >= WRAPPED_LINE_LENGTH && !CLOSED_SENTENCE.test(last.slice(-MAX_ABBREVIATION_CHARS));
}

function splitBlock(text: string, block: Block): Sentence[] {
  const { announcedEnd, isCode = false } = block;
  if (isCode && announcedEnd === undefined) {
    return splitLong(text, block.start, block.end).map((line) => ({ ...line, isCode }));
  }
  const sentences: Sentence[] = [];
  // The segmenter ends sentences at line breaks, but those inside a block were only wrapped.
  const content = text.slice(block.start, block.end).replaceAll('\n', ' ');
  let start = 0;
  for (const { segment, index } of segmenter.segment(content)) {
    const end = index + segment.length;
    const isLast = end === content.length;
    const tail = content.slice(Math.max(start, end - MAX_ABBREVIATION_CHARS), end);
    if (!isLast && (STOP_WITHOUT_SPACE.test(tail) || ABBREVIATION.test(tail))) continue;
    if (isLast && announcedEnd !== undefined)
      sentences.push({ start: block.start + start, end: announcedEnd, announcedStart: block.end, isCode });
    else sentences.push(...splitLong(text, block.start + start, block.start + end));
    start = end;
  }
  return sentences;
}

function splitLong(text: string, from: number, to: number): Sentence[] {
  const parts: Sentence[] = [];
  let remaining = trim(text, from, to);
  while (remaining.end - remaining.start > MAX_SENTENCE_LENGTH) {
    const space = text.slice(remaining.start, remaining.start + MAX_SENTENCE_LENGTH + 1).lastIndexOf(' ');
    if (space <= 0) break;
    parts.push(trim(text, remaining.start, remaining.start + space));
    remaining = trim(text, remaining.start + space, remaining.end);
  }
  return remaining.end > remaining.start ? [...parts, remaining] : parts;
}

function* linesOf(text: string): Generator<Sentence> {
  for (let start = 0; start <= text.length; ) {
    const next = text.indexOf('\n', start);
    const end = next === -1 ? text.length : next;
    yield trim(text, start, end);
    start = end + 1;
  }
}

function trim(text: string, from: number, to: number): Sentence {
  let start = from;
  let end = to;
  while (start < end && isSpace(text, start)) start += 1;
  while (end > start && isSpace(text, end - 1)) end -= 1;
  return { start, end };
}

function isSpace(text: string, index: number): boolean {
  return /\s/.test(text.charAt(index));
}
