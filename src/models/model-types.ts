import type { LanguageModelV4FunctionTool, LanguageModelV4Message, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import type { ModelName } from '../domain/answering.ts';
import type { FinishReason } from '../domain/entities.ts';
import type { TokenUsage } from '../domain/usage.ts';

/** One call of one hosted model. */
export interface ModelCall extends ModelName {
  /** The account whose own key is used, if it has one. */
  readonly accountId: string;
  readonly messages: readonly LanguageModelV4Message[];
  readonly tools?: readonly LanguageModelV4FunctionTool[];
  /** `none`: the model sees the tools but must not use them; absent: the model chooses. */
  readonly toolChoice?: 'none';
  readonly maxOutputTokens: number;
  /** The maximum text length in UTF-16 units; the text ends there with `LENGTH`. Absent: `MAX_ANSWER_CHARS`. */
  readonly maxChars?: number;
  /** Whether to request reasoning, which some families send only on request. Absent: false. */
  readonly showsReasoning?: boolean;
  /** Whether this is a test of the connection: no retry, and no circuit breaker. Absent: false. */
  readonly isTest?: boolean;
}

/** One step of a model's output; `finish` is the last. `usage` is null when the provider reported none. */
export type ModelStep =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'tool'; readonly call: LanguageModelV4ToolCall }
  | { readonly type: 'finish'; readonly reason: FinishReason | 'TOOLS'; readonly usage: TokenUsage | null };

/** The output of a model, streamed. The caller that opened the stream closes it. */
export interface ModelStream {
  readonly provider: string;
  /** The requested model, or the provider's default. */
  readonly model: string;
  /**
   * Reads the next step; not to be called after `finish`.
   * @throws AnswerFailure when the stream times out, is cut off, cannot be parsed, or reports an error.
   */
  next(): Promise<ModelStep>;
  /** The output so far as an assistant message: text, reasoning and tool calls. */
  readonly assistantMessage: LanguageModelV4Message & { role: 'assistant' };
  /** Closes the connection, whether or not the stream was read to its end. */
  close(): void;
}

/** Calls hosted models. */
export interface Models {
  /**
   * Calls a model, and resolves when its first step has arrived. Transient failures before the first step are retried
   * at most twice; later failures are not retried. A model whose circuit breaker is open is not called.
   * @throws AnswerFailure, also when `signal` aborts.
   */
  open(call: ModelCall, signal: AbortSignal): Promise<ModelStream>;
}

/** The key and address with which an account's models are called. */
export interface ProviderCredentials {
  readonly apiKey: string | undefined;
  /** Absent: the provider's own address. */
  readonly baseUrl: string | undefined;
  /** Stays the same while key and address do; each identity has its own circuit breakers. */
  readonly identity: string;
  readonly fetch: typeof globalThis.fetch;
}
