/** An answer of a provider's model, independent of any wire format. */
export interface ProviderAnswer {
  /** The reasoning and the text, each as the pieces that are streamed. */
  readonly reasoning?: readonly string[];
  readonly text?: readonly string[];
  readonly tool?: { readonly name: string; readonly input: Readonly<Record<string, unknown>> };
  /** The reason why the answer is incomplete; absent if it is complete. */
  readonly finish?: 'length' | 'filter';
  /** Null: the provider reports no usage; absent: `USAGE`. */
  readonly usage?: ProviderUsage | null;
}

/** The tokens of an answer; `cached` is part of `input`, `reasoning` part of `output`. */
export interface ProviderUsage {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly reasoning: number;
}

/** The default usage of an answer. */
export const USAGE: ProviderUsage = { input: 120, cached: 40, output: 30, reasoning: 10 };

/** The reason why a provider refuses a request. */
export type RefusalReason =
  | 'invalidKey'
  | 'unknownModel'
  | 'rateLimit'
  | 'quota'
  | 'serverError'
  | 'promptTooLong'
  | 'filtered';

/** A response that refuses a request instead of streaming an answer. */
export interface RefusalResponse {
  readonly status: number;
  readonly body: unknown;
  /** Additional headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One provider's wire format. */
export interface Protocol {
  /** Matches the path of requests for an answer, relative to the base URL. */
  readonly path: RegExp;
  /** Formats the events of an answer, each with the blank line that ends it. */
  writeEvents(answer: ProviderAnswer, model: string): string[];
  /** Formats an event that reports an error in mid-stream. */
  writeError(message: string): string;
  /** Builds the response that refuses a request whose API key is `key`. */
  refuse(reason: RefusalReason, key: string): RefusalResponse;
}

/** Formats one event of a stream. */
export function writeEvent(data: unknown, event?: string): string {
  const name = event === undefined ? '' : `event: ${event}\n`;
  return `${name}data: ${JSON.stringify(data)}\n\n`;
}

/** The signature that the provider attaches to reasoning, and that the next request must send back. */
export const SIGNATURE = 'c2lnbmVk';
