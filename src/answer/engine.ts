import type { Answering, ModelName } from '../domain/answering.ts';
import type { Citation, FinishReason } from '../domain/entities.ts';
import type { AnswerFailure } from '../domain/failures.ts';
import type { JsonText } from '../domain/json.ts';
import type { TokenUsage } from '../domain/usage.ts';
import type { Retrieval } from './retrieve.ts';

/** The input of an engine: the visitor's message, the chatbot's settings and the retrieved passages. */
export interface Question {
  /** The account of the chatbot. */
  readonly accountId: string;
  readonly chatbotId: string;
  /** The visitor's text. */
  readonly content: string;
  /** The chatbot's instructions; engines without a model ignore them. */
  readonly instructions: string;
  /** The answer when the sources do not answer the question. */
  readonly fallbackMessage: string;
  /** The text for a visitor whose conversation is handed off to a person. */
  readonly handoffMessage: string;
  /** The provider and model that answer. */
  readonly answeringModel: ModelName;
  readonly answering: Answering;
  /** The conversation's metadata about the visitor; null when models must not see it or there is none. */
  readonly visitorMetadata: JsonText | null;
  /** The tools that a model may call. */
  readonly tools: readonly AnswerTool[];
  /** Earlier messages, oldest first. */
  readonly history: readonly HistoryMessage[];
  /** The passages of the chatbot's sources that match the question. */
  readonly retrieval: Retrieval;
}

/** A tool that a model may call. */
export interface AnswerTool {
  readonly name: string;
  /** The description for the model. */
  readonly description: string;
  /** JSON schema of an object. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Runs the tool. Invalid input from the model produces a result, never a rejection. */
  run(input: unknown): Promise<ToolResult>;
}

/** The result of a tool call. */
export interface ToolResult {
  readonly hasSucceeded: boolean;
  /** The result for the model. */
  readonly report: string;
  /** The text for the visitor if the model writes nothing more. */
  readonly notice: string;
}

/** One earlier message of the conversation. */
export interface HistoryMessage {
  readonly role: 'USER' | 'ASSISTANT';
  readonly content: string;
}

/**
 * One event of an answer. `delta` appends to the text; a surrogate pair may be split between two deltas, because hosted
 * models do so. A `citation` refers to earlier text. `reasoning` is a model's reasoning, which is not part of the
 * text. `author` names the model that produces the following events; `inputTokens` is an estimate of all input of that
 * model so far. `failed` ends the attempt of a model that has written nothing that is kept, and another model may follow;
 * its `usage` is that of the discarded output, null if there was none. `finish` is emitted once, as the last event; its
 * `failure` is that of a model whose answer a tool's notice completes.
 */
export type AnswerEvent =
  | { readonly type: 'delta'; readonly text: string }
  | { readonly type: 'citation'; readonly citation: Citation }
  | { readonly type: 'reasoning'; readonly text: string }
  | {
      readonly type: 'failed';
      readonly model: ModelName;
      readonly failure: AnswerFailure;
      readonly usage: TokenUsage | null;
    }
  | { readonly type: 'author'; readonly author: ModelName; readonly inputTokens: number }
  | {
      readonly type: 'finish';
      readonly reason: FinishReason;
      readonly usage: TokenUsage;
      readonly failure?: AnswerFailure;
    };

/** Turns a question into a stream of events. An engine does not depend on GraphQL, HTTP or the database. */
export interface AnswerEngine {
  /**
   * Streams an answer. The iteration rejects when no answer can be produced, with an `AnswerFailure` when the reason is
   * known; it ends early when `signal` aborts.
   */
  answer(question: Question, signal: AbortSignal): AsyncIterable<AnswerEvent>;
  /**
   * Suggests at most three questions that the visitor may want to ask next; absent: the engine suggests none.
   * @param question the answered question; its `answeringModel` is the model that answered.
   */
  suggest?(question: Question, answer: Answer, signal: AbortSignal): Promise<Suggestions>;
}

/** A complete answer. */
export interface Answer {
  readonly content: string;
  readonly citations: readonly Citation[];
}

/** Suggested questions, and the usage of the model that found them; null when no model was called. */
export interface Suggestions {
  readonly questions: readonly string[];
  readonly usage: TokenUsage | null;
}
