/** An answer of a provider's model, independent of any wire format. */
export interface VendorAnswer {
  /** Reasoning and text, in the pieces in which they are streamed. */
  readonly reasoning?: readonly string[];
  readonly text?: readonly string[];
  readonly tool?: { readonly name: string; readonly input: Readonly<Record<string, unknown>> };
  /** Why the answer is incomplete; absent if it is complete. */
  readonly finish?: 'length' | 'filter';
  /** Null: the provider reports no usage; absent: `USAGE`. */
  readonly usage?: VendorUsage | null;
}

/** The tokens of an answer; `cached` is part of `input`, `reasoning` part of `output`. */
export interface VendorUsage {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly reasoning: number;
}

/** The default usage of an answer. */
export const USAGE: VendorUsage = { input: 120, cached: 40, output: 30, reasoning: 10 };

/** Why a provider refuses a request. */
export type Refusal = 'key' | 'model' | 'limit' | 'quota' | 'broken' | 'long' | 'filtered';

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
  /** The events of an answer, each with the blank line that ends it. */
  writeEvents(answer: VendorAnswer, model: string): string[];
  /** An event that reports an error in mid-stream. */
  writeError(message: string): string;
  refuse(why: Refusal, key: string): RefusalResponse;
}

/** Formats one event of a stream. */
export function writeEvent(data: unknown, event?: string): string {
  const name = event === undefined ? '' : `event: ${event}\n`;
  return `${name}data: ${JSON.stringify(data)}\n\n`;
}

/** The signature that the provider attaches to reasoning, and that the next request must send back. */
export const SIGNATURE = 'c2lnbmVk';
