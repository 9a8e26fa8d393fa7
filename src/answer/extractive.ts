import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Citation } from '../domain/entities.ts';
import { bandOf } from './confidence.ts';
import type { AnswerEngine, AnswerEvent, Question } from './engine.ts';
import { suggestFromSources } from './follow-ups.ts';
import { chooseQuotes, type Quote } from './quotes.ts';
import { estimateTokens } from './tokens.ts';
import { estimateUsage } from './usage.ts';

const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/** How the built-in engine speaks. */
export interface ExtractiveOptions {
  /** The pause between two deltas; 0 only lets others have their turn. */
  readonly delayMs: number;
}

/**
 * Makes the engine that needs no model: it answers in the words of the sources, each sentence with its citation, and
 * with the chatbot's fallback message, without citations, when they have none. Deltas are words with what follows
 * them; a citation comes right after the text that it covers. Once `signal` aborts nothing more comes, no `finish`
 * either. Usage is an estimate: the question in, the answer out.
 */
export function createExtractiveEngine({ delayMs }: ExtractiveOptions): AnswerEngine {
  return {
    async *answer(question, signal) {
      let written = '';
      for (const event of compose(question)) {
        if (event.type === 'delta') {
          await pause(delayMs, signal);
          written += event.text;
        }
        if (signal.aborted) return;
        yield event;
      }
      yield { type: 'finish', reason: 'STOP', usage: estimateUsage(estimateTokens(question.content), written, '') };
    },

    async suggest(question, { citations }) {
      const cited = citations.map(({ passageId }) => passageId);
      return { questions: suggestFromSources(question, cited), usage: null };
    },
  };
}

function* compose({ content, retrieval, fallbackMessage }: Question): Generator<AnswerEvent> {
  const quotes = bandOf(retrieval.confidence) === 'NONE' ? [] : chooseQuotes(content, retrieval);
  if (quotes.length === 0) yield* toDeltas(fallbackMessage);
  let start = 0;
  for (const [index, quote] of quotes.entries()) {
    const separator = separate(quotes[index - 1], quote);
    yield* toDeltas(separator + quote.text);
    start += separator.length;
    yield { type: 'citation', citation: cite(quote, start) };
    start += quote.text.length;
  }
}

/** Sentences of one passage read on; another passage, a list and a whole entry begin a paragraph. */
function separate(previous: Quote | undefined, next: Quote): string {
  if (previous === undefined) return '';
  const isSamePassage = previous.hit.passage.id === next.hit.passage.id;
  return isSamePassage && !previous.text.includes('\n') && !next.text.includes('\n') ? ' ' : '\n\n';
}

function cite({ hit, text }: Quote, start: number): Citation {
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

/** A delta is a word and all up to the next one. Segments never end inside a character, so no delta does. */
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

/** Returns early, and without an error, when `signal` aborts. */
async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  const turn = delayMs > 0 ? setTimeout(delayMs, undefined, { signal }) : setImmediate(undefined, { signal });
  await turn.catch(() => {});
}
