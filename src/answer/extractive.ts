import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Citation } from '../domain/entities.ts';
import type { Quote } from './compose-quote.ts';
import { type ConfidenceBand, toConfidenceBand } from './confidence.ts';
import type { AnswerEngine, AnswerEvent, Question } from './engine.ts';
import { suggestFromSources } from './follow-ups.ts';
import { isEnglish } from './question-form.ts';
import { chooseQuotes } from './quotes.ts';
import { estimateTokens } from './tokens.ts';
import { estimateUsage } from './usage.ts';

/** The beginning of an answer that may be beside the point. */
const UNSURE_LEAD = 'This may help:\n\n';

const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/** The options of the built-in engine. */
export interface ExtractiveOptions {
  /** The delay between two deltas; 0 only yields to the event loop. */
  readonly delayMs: number;
}

/**
 * Creates the engine that needs no model. It answers with quotes from the sources, each with its citation, or with the
 * chatbot's fallback message when the sources contain no answer. If they only may contain one, the answer names the
 * source after each quote, and starts with "This may help:" in an English chatbot. A delta is a word with the text up to the next
 * word; a citation comes right after the text that it covers. After `signal` aborts, the engine yields nothing more,
 * not even `finish`. The usage is estimated from the question and the answer.
 */
export function createExtractiveEngine({ delayMs }: ExtractiveOptions): AnswerEngine {
  return {
    async *answer(question, signal) {
      let answerText = '';
      for (const event of composeAnswer(question)) {
        if (event.type === 'delta') {
          await pause(delayMs, signal);
          answerText += event.text;
        }
        if (signal.aborted) return;
        yield event;
      }
      yield { type: 'finish', reason: 'STOP', usage: estimateUsage(estimateTokens(question.content), answerText, '') };
    },

    async suggest(question, { citations }) {
      const cited = citations.map(({ passageId }) => passageId);
      return { questions: suggestFromSources(question, cited), usage: null };
    },
  };
}

function* composeAnswer({ content, retrieval, fallbackMessage }: Question): Generator<AnswerEvent> {
  const band = toConfidenceBand(retrieval.confidence);
  const quotes = band === 'NONE' ? [] : chooseQuotes(retrieval.correctedQuestion ?? content, retrieval);
  if (quotes.length === 0) return yield* toDeltas(fallbackMessage);
  let length = 0;
  function* write(text: string): Generator<AnswerEvent> {
    yield* toDeltas(text);
    length += text.length;
  }
  // The fallback message shows the language of the chatbot. Only English has words of its own.
  if (band === 'UNSURE' && isEnglish(content, fallbackMessage)) yield* write(UNSURE_LEAD);
  for (const [index, quote] of quotes.entries()) {
    const separator = separatorBetween(quotes[index - 1], quote, band);
    yield* write(separator + quote.text);
    yield { type: 'citation', citation: createCitation(quote, length - quote.text.length) };
    yield* write(composeSource(quote, band));
  }
}

/** Returns the text between two quotes: a space if both are sentences of one passage, otherwise a blank line. */
function separatorBetween(previous: Quote | undefined, next: Quote, band: ConfidenceBand): string {
  if (previous === undefined) return '';
  const isSameParagraph = previous.hit === next.hit && previous.isProse && next.isProse && band === 'SURE';
  return isSameParagraph ? ' ' : '\n\n';
}

/** Names the source after a quote that may not be the answer, or that leaves out the end of a list. */
function composeSource({ hit, isCut }: Quote, band: ConfidenceBand): string {
  const ellipsis = isCut ? '…' : '';
  const link = hit.url === null ? '' : linkTo(hit.title, hit.url);
  if (band === 'SURE') return isCut ? `\n\n${[ellipsis, link].filter(Boolean).join(' ')}` : '';
  return `\n\n${ellipsis}— ${link || hit.title.replace(/\s+/g, ' ')}`;
}

function linkTo(title: string, url: string): string {
  const label = title.replace(/\s+/g, ' ').replace(/[[\]\\]/g, '\\$&');
  const target = url.replace(/[\s()<>]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `[${label}](${target})`;
}

function createCitation({ hit, text }: Quote, start: number): Citation {
  const { passage, title, url } = hit;
  return {
    passageId: passage.id,
    sourceId: passage.sourceId,
    title,
    url,
    quote: text,
    start,
    end: start + text.length,
  };
}

/** Splits a text into deltas of one word and the text up to the next. No delta ends inside a character. */
function* toDeltas(text: string): Generator<AnswerEvent> {
  let start = 0;
  let hasWord = false;
  for (const { index, isWordLike = false } of segmenter.segment(text)) {
    if (isWordLike && hasWord) {
      yield { type: 'delta', text: text.slice(start, index) };
      start = index;
    }
    hasWord ||= isWordLike;
  }
  if (start < text.length) yield { type: 'delta', text: text.slice(start) };
}

/** Waits before a delta. Returns early, without an error, when `signal` aborts. */
async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  const waiting = delayMs > 0 ? setTimeout(delayMs, undefined, { signal }) : setImmediate(undefined, { signal });
  await waiting.catch(() => {});
}
