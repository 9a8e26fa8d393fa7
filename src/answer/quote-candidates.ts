import { toTerms } from '../domain/language/terms.ts';
import { type Block, findBlocks, type Span } from './markdown-blocks.ts';
import type { Hit } from './retrieve.ts';
import { splitSentences } from './sentences.ts';

/**
 * A part of a passage that may be quoted: a sentence, an item of a list, a row of a table, a list with the sentence
 * that announces it, code that no sentence announces, or the whole answer of a question-answer entry.
 */
export interface Candidate extends Span {
  readonly kind: 'SENTENCE' | 'ITEM' | 'ROW' | 'LIST' | 'CODE' | 'ENTRY';
  readonly hit: Hit;
  /** The paragraph, the list, the table or the code that contains it. */
  readonly block: Block;
  /** The distinct terms of its words; of a list, with those of the sentence that announces it. */
  readonly terms: ReadonlySet<string>;
  /** The terms of what stands above it: headings, a label, an announcement, the names of columns, a question. */
  readonly above: ReadonlySet<string>;
  /** The label of its paragraph, such as `Cursor` in `**Cursor.** A cursor is …`; otherwise empty. */
  readonly label: string;
  /** Whether its passage begins with it, apart from fragments such as "New in 2.0". */
  readonly isFirst: boolean;
  /** The sentence directly before a sentence; the sentence that announces a list. */
  readonly previous?: Candidate | undefined;
  /** Whether a sentence refers to the one before it. */
  readonly isDependent: boolean;
  /** Whether a sentence ends with a colon, so that it says little without what follows. */
  readonly isAnnouncement: boolean;
  /** The code right after a sentence. */
  readonly code?: Span | undefined;
}

/** The depth of the innermost items that can be quoted by themselves. */
const MAX_ITEM_DEPTH = 1;

/** In UTF-16 units. A longer list can be quoted item by item too, and a longer item sentence by sentence. */
const MAX_UNDIVIDED_LENGTH = 280;

/** In UTF-16 units. Longer code is not quoted. */
const MAX_CODE_LENGTH = 700;

/** A heading at the start of a paragraph: `**Rate limit.** The rate limit is …` */
const LABEL = /^(?:\*\*|__)([^*_\n]{1,80})[.:](?:\*\*|__)\s+(?=\S)/;

/** In terms: a shorter text without a full stop at the start of a passage is a fragment. */
const MIN_BEGINNING_TERMS = 6;

/** The end of a sentence that may belong to the code after it. */
const CLOSED = /[.:!。：！]["'”’)\]]*$/;

/** A beginning that refers to the sentence before. */
const DEPENDENT =
  /^(?:this|that|these|those|it|its|they|their|them|he|she|his|her|such|however|therefore|otherwise|instead|but|and|or|so|also|then|thus|hence|additionally|furthermore|moreover|similarly|consequently|accordingly|alternatively|afterwards?|in (?:this|that|these|such|both)|if (?:so|not|this|that|it)|for (?:this|that|these)|to (?:do (?:so|this|that)|fix (?:this|it))|as a result|the (?:former|latter|same)|(?:running|executing|doing|using|with|without|after|once|by) (?:this|that|these|those|it))\b/i;

/** Two lines of code with a comment at the end: a list of commands, each of which can be quoted. */
const COMMENTED_LINE = /\S\s+(?:#|\/\/)\s+\S/;
const MIN_COMMENTED_LINES = 2;

/**
 * Finds all parts of a passage that may be quoted, in order; a list comes before its items. A question in the text is
 * no candidate, but context of the part after it.
 */
export function findCandidates(hit: Hit): Candidate[] {
  if (hit.sourceType === 'QA') return [createEntry(hit)];
  const { text } = hit.passage;
  const collector = createCollector(hit);
  const blocks = findBlocks(text);
  let previous: Candidate | undefined;
  for (const [index, block] of blocks.entries()) {
    const announcement = previous?.isAnnouncement ? previous : undefined;
    const next = blocks[index + 1];
    if (block.kind === 'PROSE') previous = collector.addSentences(block, block, next, previous);
    // A sentence after code refers to the sentence before the code.
    else if (block.kind === 'CODE' && previous?.code?.start === block.start) continue;
    else {
      if (block.kind === 'LIST') collector.addList(block, announcement);
      else if (block.kind === 'TABLE') collector.addRows(block, announcement);
      else if (block.kind === 'CODE') collector.addCode(block);
      previous = undefined;
    }
  }
  return collector.candidates;
}

/** Creates the list of the candidates of a passage, with functions that add those of a block. */
function createCollector(hit: Hit) {
  const { text, headingPath } = hit.passage;
  const headingTerms = toTerms(headingPath.join('\n'));
  const candidates: Candidate[] = [];
  let hasBegun = false;
  /** The terms of the last question, which the next candidate probably answers. */
  let questionTerms: readonly string[] = [];

  function add(part: Part, words: string, above: Iterable<string> = []): Candidate {
    const terms = new Set(toTerms(words));
    const isFirst = !hasBegun && (part.kind !== 'SENTENCE' || terms.size >= MIN_BEGINNING_TERMS || CLOSED.test(words));
    hasBegun ||= isFirst;
    const candidate: Candidate = {
      ...{ hit, label: '', isDependent: false, isAnnouncement: false },
      ...part,
      // At the beginning, "This" refers to the heading.
      ...(isFirst && { previous: undefined }),
      terms,
      isFirst,
      above: new Set([...headingTerms, ...above, ...questionTerms]),
    };
    questionTerms = [];
    candidates.push(candidate);
    return candidate;
  }

  /** Adds the sentences of a part of a block, and returns the last one. `next` is the block after it. */
  function addSentences(block: Block, span: Span, next: Block | undefined, before: Candidate | undefined) {
    const match = LABEL.exec(text.slice(span.start, span.end));
    const label = match?.[1] ?? '';
    const labelTerms = toTerms(label);
    let previous = before;
    for (const sentence of splitSentences(text, { start: span.start + (match?.[0].length ?? 0), end: span.end })) {
      const words = sliceSpan(text, sentence);
      // A question is not an answer, but the next sentence probably answers it, perhaps without repeating its words.
      if (/[?？؟]$/.test(words)) {
        questionTerms = toTerms(words);
        previous = undefined;
        continue;
      }
      const code = sentence.end === span.end && CLOSED.test(words) && isShortCode(next) ? next : undefined;
      const [isDependent, isAnnouncement] = [DEPENDENT.test(words), /[:：]$/.test(words)];
      const part = {
        kind: 'SENTENCE',
        block,
        ...sentence,
        label,
        previous,
        isDependent,
        isAnnouncement,
        code,
      } as const;
      previous = add(part, words, labelTerms);
    }
    return previous;
  }

  function addList(block: Block & { kind: 'LIST' }, announcement: Candidate | undefined): void {
    const words = text.slice(announcement?.start ?? block.start, block.end);
    add({ kind: 'LIST', block, start: block.start, end: block.end, previous: announcement }, words);
    if (announcement !== undefined && words.length <= MAX_UNDIVIDED_LENGTH) return;
    for (const { textStart: start, end, depth, hasParts } of block.items) {
      // Deeper items say little without those around them.
      if (depth > MAX_ITEM_DEPTH) continue;
      if (!hasParts && end - start > MAX_UNDIVIDED_LENGTH) addSentences(block, { start, end }, undefined, undefined);
      else add({ kind: 'ITEM', block, start, end }, text.slice(start, end), announcement?.terms);
    }
  }

  function addRows(block: Block & { kind: 'TABLE' }, announcement: Candidate | undefined): void {
    const above = [...toTerms(block.head), ...(announcement?.terms ?? [])];
    for (const row of block.rows) add({ kind: 'ROW', block, ...row }, sliceSpan(text, row), above);
  }

  function addCode(block: Block): void {
    for (const line of listQuotableCode(text, block)) add({ kind: 'CODE', block, ...line }, sliceSpan(text, line));
  }

  return { candidates, addSentences, addList, addRows, addCode };
}

type Part = Pick<Candidate, 'kind' | 'block'> & Partial<Candidate> & Span;

/** Returns the lines of a list of commented commands, or else the whole block unless it is long. */
function listQuotableCode(text: string, block: Block): Span[] {
  const lines = [...linesOf(text, block)].filter(({ start, end }) => COMMENTED_LINE.test(text.slice(start, end)));
  return lines.length >= MIN_COMMENTED_LINES ? lines : [block].filter(isShort);
}

function* linesOf(text: string, { start, end }: Span): Generator<Span> {
  for (let from = start; from < end; ) {
    const next = text.indexOf('\n', from);
    const to = next === -1 ? end : Math.min(next, end);
    yield { start: from, end: to };
    from = to + 1;
  }
}

function createEntry(hit: Hit): Candidate {
  const { text, headingPath } = hit.passage;
  const block = { kind: 'PROSE', start: 0, end: text.length } as const;
  // The words of an entry's question count too, because its answer may not repeat them.
  const terms = new Set(toTerms([...headingPath, text].join('\n')));
  const flags = { isFirst: true, isDependent: false, isAnnouncement: false };
  return { ...block, kind: 'ENTRY', hit, block, terms, above: new Set(), label: '', ...flags };
}

function sliceSpan(text: string, { start, end }: Span): string {
  return text.slice(start, end);
}

function isShortCode(block: Block | undefined): boolean {
  return block?.kind === 'CODE' && isShort(block);
}

function isShort({ start, end }: Span): boolean {
  return end - start <= MAX_CODE_LENGTH;
}
