/** What a vendor's model is to say, in no vendor's words. */
export interface VendorAnswer {
  /** Thoughts, and text, in the pieces in which they are streamed. */
  readonly reasoning?: readonly string[];
  readonly text?: readonly string[];
  readonly tool?: { readonly name: string; readonly input: Readonly<Record<string, unknown>> };
  /** Absent: what it says was all. */
  readonly finish?: 'length' | 'filter';
  /** Null: it tells none; absent: `USAGE`. */
  readonly usage?: VendorUsage | null;
}

/** What an answer took, `cached` of the input and `reasoning` of the output. */
export interface VendorUsage {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly reasoning: number;
}

/** What answers take that say nothing else. */
export const USAGE: VendorUsage = { input: 120, cached: 40, output: 30, reasoning: 10 };

/** Why a vendor refuses a request. */
export type Refusal = 'key' | 'model' | 'limit' | 'quota' | 'broken' | 'long' | 'filtered';

/** A response that is no stream of an answer. */
export interface RefusalResponse {
  readonly status: number;
  readonly body: unknown;
  /** Absent: none. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One vendor's wire format. */
export interface Protocol {
  /** Whether requests for an answer go there; relative to the base URL. */
  readonly path: RegExp;
  /** The events of an answer, each with the blank line that ends it. */
  writeEvents(answer: VendorAnswer, model: string): string[];
  /** An event that tells of an error in mid-stream. */
  writeError(message: string): string;
  refuse(why: Refusal, key: string): RefusalResponse;
}

/** One event of a stream. */
export function writeEvent(data: unknown, event?: string): string {
  const name = event === undefined ? '' : `event: ${event}\n`;
  return `${name}data: ${JSON.stringify(data)}\n\n`;
}

/** What comes back from the vendor with every thought, to be given back in the next round. */
export const SIGNATURE = 'c2lnbmVk';
