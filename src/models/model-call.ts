import type { LanguageModelV4FunctionTool, LanguageModelV4Message, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import type { ModelName } from '../domain/answering.ts';
import type { FinishReason } from '../domain/entities.ts';
import type { TokenUsage } from '../domain/usage.ts';

/** One question to one hosted model. */
export interface ModelCall extends ModelName {
  /** Whose key is used, where it has one of its own. */
  readonly accountId: string;
  readonly messages: readonly LanguageModelV4Message[];
  readonly tools?: readonly LanguageModelV4FunctionTool[];
  /** That none of the tools is used, although they are told; absent: the model chooses. */
  readonly toolChoice?: 'none';
  readonly maxOutputTokens: number;
  /** The longest text, in UTF-16 units, which ends there with `LENGTH`; absent: `MAX_ANSWER_CHARS`. */
  readonly maxChars?: number;
  /** Whether thoughts are wanted: some families give them only when asked. Absent: they are not. */
  readonly showsReasoning?: boolean;
  /** Whether it is asked once only, and however often it has failed lately: somebody wants to know how it is now. */
  readonly isTest?: boolean;
}

/** One step of what a model writes; `finish` is the last. Usage is null where the provider told none. */
export type ModelStep =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'tool'; readonly call: LanguageModelV4ToolCall }
  | { readonly type: 'finish'; readonly reason: FinishReason | 'TOOLS'; readonly usage: TokenUsage | null };

/** What a model writes, while it writes. Whoever opened it closes it. */
export interface ModelStream {
  readonly provider: string;
  /** The model that was asked for, or the provider's default. */
  readonly model: string;
  /**
   * The next step; nothing after `finish`.
   * @throws AnswerFailure when the model falls silent, is cut off, says nothing that can be read, or says why it fails.
   */
  next(): Promise<ModelStep>;
  /** What it has written so far, as a message of its own: text, thoughts and calls of tools. */
  readonly assistantMessage: LanguageModelV4Message & { role: 'assistant' };
  /** Closes the connection, whether or not all was read. */
  close(): void;
}

/** Asks hosted models. */
export interface Models {
  /**
   * Asks, and resolves with the first step in sight. What may pass is tried again, twice at most, before that and never
   * after; a model that has failed too often lately is not asked.
   * @throws AnswerFailure, also when `signal` aborts.
   */
  open(call: ModelCall, signal: AbortSignal): Promise<ModelStream>;
}

/** How an account reaches a provider. */
export interface ProviderCredentials {
  readonly apiKey: string | undefined;
  /** Absent: the provider's own. */
  readonly baseUrl: string | undefined;
  /** The same as long as key and address are: what is seen of one access does not count against another. */
  readonly identity: string;
  readonly fetch: typeof globalThis.fetch;
}
