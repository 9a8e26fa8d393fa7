import type { Citation, FinishReason, TokenUsage } from '../domain/entities.ts';
import type { Retrieval } from './retrieve.ts';

/** What an engine is asked. */
export interface Question {
  /** The visitor's text. */
  readonly content: string;
  /** The chatbot's own instructions, for engines that follow any. */
  readonly instructions: string;
  /** What to say when the sources hold no answer. */
  readonly fallbackMessage: string;
  /** The model to use, for engines that have several. */
  readonly model: string | null;
  /** Earlier turns, oldest first. */
  readonly history: readonly Turn[];
  /** What the chatbot's sources have to say about it. */
  readonly retrieval: Retrieval;
}

/** One earlier message, as an engine sees it. */
export interface Turn {
  readonly role: 'USER' | 'ASSISTANT';
  readonly content: string;
}

/**
 * One step of an answer. `delta` appends to the text; a `citation` points into text that was already given; `finish`
 * comes once, last. A surrogate pair may be split between two deltas, as hosted models do.
 */
export type AnswerEvent =
  | { readonly type: 'delta'; readonly text: string }
  | { readonly type: 'citation'; readonly citation: Citation }
  | { readonly type: 'finish'; readonly reason: FinishReason; readonly usage: TokenUsage };

/** Turns a question into a stream of steps. Knows no GraphQL, no HTTP and no database. */
export interface AnswerEngine {
  /** Throws (rejects the iteration) when no answer can be made; ends early when `signal` aborts. */
  answer(question: Question, signal: AbortSignal): AsyncIterable<AnswerEvent>;
}
