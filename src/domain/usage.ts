/** The usage and the price of replies. */
import type { ModelName } from './answering.ts';
import type { MessageFailure } from './failures.ts';
import type { JsonText } from './json.ts';
import type { Timestamp } from './time.ts';

/** The tokens of a reply. */
export interface TokenUsage {
  /** All input tokens, of which `cachedTokens` came from the provider's cache. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  /** All output tokens, of which `reasoningTokens` were reasoning. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** Whether the gateway estimated the tokens from the length of the text, because the provider gave no count. */
  readonly isEstimated: boolean;
}

/** How a reply was generated, and by which model. */
export interface Generation extends ModelName {
  /** The milliseconds from the start of the answer to its first text; null without text. */
  readonly firstTokenMs: number | null;
  /** The price in billionths of a US dollar; null when it is unknown. */
  readonly priceNano: number | null;
  /**
   * The models that were asked, a list of `ModelAttempt` in order; null when unknown. It stays JSON, because most
   * requests do not read it.
   */
  readonly attempts: JsonText | null;
}

/** One model that was asked for a reply, with its retries. */
export interface ModelAttempt extends ModelName {
  /** Null if the model wrote the reply, or was stopped. */
  readonly error: MessageFailure | null;
  readonly startedAt: Timestamp;
  readonly durationMs: number;
}

/**
 * The usage of finished replies, including failed replies, because a failed reply may have a price. The counts are
 * `bigint`, because the tokens of an account may exceed the integers that a number represents exactly.
 */
export interface UsageCounts {
  readonly messages: bigint;
  readonly inputTokens: bigint;
  readonly cachedTokens: bigint;
  readonly outputTokens: bigint;
  readonly reasoningTokens: bigint;
  /** The total price in billionths of a US dollar, of the replies whose price is known. */
  readonly priceNano: bigint;
  /** The number of replies without a known price. */
  readonly unpricedMessages: bigint;
  /** The numbers of replies by their outcome. */
  readonly answered: bigint;
  readonly unsure: bigint;
  readonly fallbacks: bigint;
  /** The numbers of replies by their current rating. */
  readonly ratedUp: bigint;
  readonly ratedDown: bigint;
}

/** An account has used a percentage of its month's quota; sent once per month and percentage. */
export interface QuotaWarning {
  readonly accountId: string;
  /** The number of the warning within the account, from 1. */
  readonly number: number;
  /** The UTC month, `YYYY-MM`. */
  readonly month: string;
  readonly percent: number;
  /** The number of replies that the account had used in the month at the time of the warning. */
  readonly used: number;
  /** The number of replies that the account was allowed in the month at the time of the warning. */
  readonly limit: number;
  readonly at: Timestamp;
}
