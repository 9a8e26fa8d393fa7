import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Citation } from '../domain/entities.ts';
import { toConfidenceBand } from './confidence.ts';
import type { AnswerEngine, AnswerEvent, Question } from './engine.ts';
import { suggestFromSources } from './follow-ups.ts';
import { chooseQuotes, type Quote } from './quotes.ts';
import { estimateTokens } from './tokens.ts';
import { estimateUsage } from './usage.ts';

const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/** The options of the built-in engine. */
export interface ExtractiveOptions {
  /** The delay between two deltas; 0 only yields to the event loop. */
  readonly delayMs: number;
}

/**
 * Creates the engine that needs no model. It answers with sentences from the sources, each with its citation, or with
 * the chatbot's fallback message when the sources contain no answer. A delta is a word with the text up to the next
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
  const quotes = toConfidenceBand(retrieval.confidence) === 'NONE' ? [] : chooseQuotes(content, retrieval);
  if (quotes.length === 0) yield* toDeltas(fallbackMessage);
  let start = 0;
  for (const [index, quote] of quotes.entries()) {
    const separator = separatorBetween(quotes[index - 1], quote);
    yield* toDeltas(separator + quote.text);
    start += separator.length;
    yield { type: 'citation', citation: createCitation(quote, start) };
    start += quote.text.length;
  }
}

/** Returns the text between two quotes: a space if both are single lines of one passage, otherwise a blank line. */
function separatorBetween(previous: Quote | undefined, next: Quote): string {
  if (previous === undefined) return '';
  const isSamePassage = previous.hit.passage.id === next.hit.passage.id;
  return isSamePassage && !previous.text.includes('\n') && !next.text.includes('\n') ? ' ' : '\n\n';
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
