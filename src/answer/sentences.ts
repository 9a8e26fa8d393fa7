import type { Span } from './markdown-blocks.ts';

const segmenter = new Intl.Segmenter('und', { granularity: 'sentence' });

/** Initials and abbreviations at the end of a text, whose full stop does not end a sentence. */
const ABBREVIATION =
  /(?:^|[^\p{L}\p{M}\p{N}])(?:\p{L}|mr|mrs|ms|dr|prof|st|sr|jr|rev|hon|gen|col|maj|capt|lt|sgt|gov|sen|rep|pres|vs|cf|ca|approx|est|dept|figs?|nos?|vol|pp|eds?|inc|ltd|co|corp|bros|mt|ft|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|bzw|vgl|nr|usw|mme|mlle)\.\s*$/iu;

/** Matches a text that ends with a stop but no white space, as in a path or an address: no sentence ends there. */
const STOP_WITHOUT_SPACE = /[.!?]["'”’)\]([]*$/;

/** The length of the longest abbreviation with its surroundings, in UTF-16 units. */
const MAX_ABBREVIATION_LENGTH = 12;

/** In UTF-16 units. A longer sentence, as in texts without full stops, is cut at white space. */
const MAX_SENTENCE_LENGTH = 500;

/**
 * Splits a span of a text into sentences, in order, at most 500 UTF-16 units each where white space permits. A line
 * break does not end a sentence.
 */
export function splitSentences(text: string, { start, end }: Span): Span[] {
  const sentences: Span[] = [];
  const content = text.slice(start, end).replaceAll('\n', ' ');
  let sentenceStart = 0;
  for (const { segment, index } of segmenter.segment(content)) {
    const sentenceEnd = index + segment.length;
    const tail = content.slice(Math.max(sentenceStart, sentenceEnd - MAX_ABBREVIATION_LENGTH), sentenceEnd);
    const isLast = sentenceEnd === content.length;
    if (!isLast && (STOP_WITHOUT_SPACE.test(tail) || ABBREVIATION.test(tail))) continue;
    sentences.push(...splitLong(text, start + sentenceStart, start + sentenceEnd));
    sentenceStart = sentenceEnd;
  }
  return sentences;
}

function splitLong(text: string, from: number, to: number): Span[] {
  const parts: Span[] = [];
  let remaining = trim(text, from, to);
  while (remaining.end - remaining.start > MAX_SENTENCE_LENGTH) {
    const space = text.slice(remaining.start, remaining.start + MAX_SENTENCE_LENGTH + 1).lastIndexOf(' ');
    if (space <= 0) break;
    parts.push(trim(text, remaining.start, remaining.start + space));
    remaining = trim(text, remaining.start + space, remaining.end);
  }
  return remaining.end > remaining.start ? [...parts, remaining] : parts;
}

function trim(text: string, from: number, to: number): Span {
  let start = from;
  let end = to;
  while (start < end && /\s/.test(text.charAt(start))) start += 1;
  while (end > start && /\s/.test(text.charAt(end - 1))) end -= 1;
  return { start, end };
}
