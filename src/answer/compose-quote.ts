import type { Span } from './markdown-blocks.ts';
import type { QuestionForm } from './question-form.ts';
import type { Candidate } from './quote-candidates.ts';
import { type RenderOptions, renderLines, renderProse, renderRow } from './render-quote.ts';
import type { Hit } from './retrieve.ts';

/** A part of a passage that answers the question or a part of it. */
export interface Quote extends Span {
  readonly hit: Hit;
  /** The text to display: Markdown with paragraphs, lists and code, without tables and HTML. */
  readonly text: string;
  /** Whether the text is one paragraph of sentences. */
  readonly isProse: boolean;
  /** Whether a list goes on after the quote. */
  readonly isCut: boolean;
  /** The distinct terms of its words. */
  readonly terms: ReadonlySet<string>;
  /** A list with its announcement counts as two. */
  readonly sentenceCount: number;
}

/** In UTF-16 units: a longer list is cut after the last item that fits. */
const MAX_LIST_LENGTH = 800;

/** A sentence is quoted with at most this many sentences that it refers to, each at most this long in UTF-16 units. */
const MAX_REFERENCES = 2;
const MAX_REFERENCE_LENGTH = 250;

/**
 * Composes the quote of a candidate with what belongs to it: the sentence that it refers to, its code, the
 * announcement of a list. `next` is a sentence to quote after it; `other` is a quote in the same answer, which is not
 * repeated.
 */
export function composeQuote(
  candidate: Candidate,
  form: QuestionForm,
  { next, other }: { next?: Candidate | undefined; other?: Quote } = {},
): Quote {
  const options = { keepsLinks: form.kind === 'WHERE_IS' };
  const { hit, kind, block, start, end, terms } = candidate;
  const { text } = hit.passage;
  const quote = { hit, start, end, terms, isProse: false, isCut: false, sentenceCount: 1 };
  switch (kind) {
    case 'ENTRY':
      return { ...quote, text: text.trim() };
    case 'CODE':
      return { ...quote, text: renderCode(text, candidate) };
    case 'ITEM':
      return { ...quote, text: renderItem(text, candidate, options) };
    case 'ROW': {
      const head = block.kind === 'TABLE' ? block.head : '';
      return { ...quote, text: renderRow(head, text.slice(start, end), options) };
    }
    case 'LIST':
      return composeList(candidate, options);
    case 'SENTENCE':
      return composeSentences([...listReferences(candidate, other), candidate, ...(next ? [next] : [])], form, options);
  }
}

/** Renders a block of code, or one of its lines as a block. */
function renderCode(text: string, { block, start, end }: Candidate): string {
  if (start === block.start) return renderLines(text, { start, end }, { keepsLinks: false });
  return `\`\`\`\n${text.slice(start, end).trim()}\n\`\`\``;
}

/** Renders an item: on one line, or with its marker if other items or code are nested in it. */
function renderItem(text: string, { block, start, end }: Candidate, options: RenderOptions): string {
  const item = block.kind === 'LIST' ? block.items.find(({ textStart }) => textStart === start) : undefined;
  if (item?.hasParts) return renderLines(text, item, options);
  return renderProse(text.slice(start, end), options);
}

function composeList({ hit, block, previous, terms }: Candidate, options: RenderOptions): Quote {
  const { text } = hit.passage;
  const items = block.kind === 'LIST' ? block.items : [];
  const fitting = items.filter((item) => item.end - block.start <= MAX_LIST_LENGTH);
  const end = Math.max(...(fitting.length > 0 ? fitting : items.slice(0, 1)).map((item) => item.end));
  const list = renderLines(text, { start: block.start, end }, options);
  const quote = { hit, end, terms, isProse: false, isCut: items.some((item) => item.end > end) };
  if (previous === undefined) return { ...quote, start: block.start, text: list, sentenceCount: 1 };
  const announcement = renderProse(text.slice(previous.start, previous.end), options);
  return { ...quote, start: previous.start, text: `${announcement}\n\n${list}`, sentenceCount: 2 };
}

/** Lists the sentences that a sentence refers to, in order. */
function listReferences(candidate: Candidate, other: Quote | undefined): Candidate[] {
  const references: Candidate[] = [];
  for (let sentence = candidate; references.length < MAX_REFERENCES && sentence.isDependent; ) {
    const { previous } = sentence;
    if (previous === undefined || previous.end - previous.start > MAX_REFERENCE_LENGTH) break;
    if (previous.hit === other?.hit && previous.start >= other.start && previous.end <= other.end) break;
    references.unshift(previous);
    sentence = previous;
  }
  return references;
}

/** Composes a quote of consecutive sentences. Code stands in it if it was asked for, or if a sentence needs it. */
function composeSentences(sentences: readonly Candidate[], form: QuestionForm, options: RenderOptions): Quote {
  const { hit, start: quoteStart } = sentences[0] as Candidate;
  const { text } = hit.passage;
  const parts: string[] = [];
  let quoteEnd = quoteStart;
  for (const [index, sentence] of sentences.entries()) {
    const { start, block, code, isAnnouncement } = sentence;
    const before = sentences[index - 1];
    const isNewParagraph = before !== undefined && (before.block !== block || before.code !== undefined);
    if (before !== undefined) parts.push(isNewParagraph ? '\n\n' : ' ');
    parts.push(renderProse(text.slice(start, sentence.end), options));
    quoteEnd = sentence.end;
    const isLast = index === sentences.length - 1;
    if (code === undefined || !(isAnnouncement || form.asksForCode || !isLast)) continue;
    parts.push('\n\n', renderLines(text, code, options));
    quoteEnd = code.end;
  }
  return {
    ...{ hit, start: quoteStart, end: quoteEnd, text: parts.join(''), isProse: !parts.includes('\n\n'), isCut: false },
    terms: new Set(sentences.flatMap(({ terms }) => [...terms])),
    sentenceCount: sentences.length,
  };
}
