import type { Answering, ModelName } from '../domain/answering.ts';
import type { Citation, FinishReason } from '../domain/entities.ts';
import type { JsonText } from '../domain/json.ts';
import type { TokenUsage } from '../domain/usage.ts';
import type { Retrieval } from './retrieve.ts';

/** What an engine is asked. */
export interface Question {
  /** Whose chatbot it is, and which. */
  readonly accountId: string;
  readonly chatbotId: string;
  /** The visitor's text. */
  readonly content: string;
  /** The chatbot's own instructions, for engines that follow any. */
  readonly instructions: string;
  /** What to say when the sources hold no answer. */
  readonly fallbackMessage: string;
  /** Said to a visitor for whom a person was asked. */
  readonly handoffMessage: string;
  /** Who is to answer. */
  readonly author: ModelName;
  readonly answering: Answering;
  /** What is known of the visitor, for models that may know it: free data; null when they may not. */
  readonly visitor: JsonText | null;
  /** What a model may do besides writing. */
  readonly tools: readonly AnswerTool[];
  /** Earlier turns, oldest first. */
  readonly history: readonly Turn[];
  /** What the chatbot's sources have to say about it. */
  readonly retrieval: Retrieval;
}

/** Something that a model may do. */
export interface AnswerTool {
  readonly name: string;
  /** For the model. */
  readonly description: string;
  /** JSON schema of an object. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /**
   * Does it. Never rejects for what the model got wrong.
   * @returns what came of it.
   */
  run(input: unknown): Promise<ToolResult>;
}

/** What came of using a tool. */
export interface ToolResult {
  readonly hasSucceeded: boolean;
  /** For the model. */
  readonly report: string;
  /** For the visitor, where the model says nothing more. */
  readonly notice: string;
}

/** One earlier message, as an engine sees it. */
export interface Turn {
  readonly role: 'USER' | 'ASSISTANT';
  readonly content: string;
}

/**
 * One step of an answer. `delta` appends to the text; a `citation` points into text that was already given; `reasoning`
 * is what a model thinks, and no text; `author` says who writes from now on, and what that was given in tokens, as far as
 * they can be estimated, `spent` what an author took whose work was thrown away; `finish` comes once, last. A surrogate pair may be split between two deltas, as hosted models do.
 */
export type AnswerEvent =
  | { readonly type: 'delta'; readonly text: string }
  | { readonly type: 'citation'; readonly citation: Citation }
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'spent'; readonly usage: TokenUsage }
  | { readonly type: 'author'; readonly author: ModelName; readonly inputTokens: number }
  | { readonly type: 'finish'; readonly reason: FinishReason; readonly usage: TokenUsage };

/** Turns a question into a stream of steps. Knows no GraphQL, no HTTP and no database. */
export interface AnswerEngine {
  /** Rejects the iteration when no answer can be made, with an `AnswerFailure` where the reason is known; ends early when `signal` aborts. */
  answer(question: Question, signal: AbortSignal): AsyncIterable<AnswerEvent>;
  /**
   * Finds questions that the visitor may want to ask next, at most three; absent: there are none.
   * @param question what was answered, its `author` the one that did.
   */
  suggest?(question: Question, answer: Answer, signal: AbortSignal): Promise<Suggestions>;
}

/** An answer that was given to its end. */
export interface Answer {
  readonly content: string;
  readonly citations: readonly Citation[];
}

/** Questions, and what it took to find them; null: nothing. */
export interface Suggestions {
  readonly questions: readonly string[];
  readonly usage: TokenUsage | null;
}
