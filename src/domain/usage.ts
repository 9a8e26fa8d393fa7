/** What replies take and cost. */
import type { ModelName } from './answering.ts';
import type { Timestamp } from './time.ts';

/** What a reply cost, in tokens. */
export interface TokenUsage {
  /** All that was given to the model, `cachedTokens` of it from the provider's cache. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  /** All that the model wrote, `reasoningTokens` of it thoughts. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** Whether it was counted here, by the length of the text, because nobody else did. */
  readonly isEstimated: boolean;
}

/** Who wrote a reply, and how. */
export interface Generation extends ModelName {
  /** From the start of the answer to its first text; null when there was none. */
  readonly firstTokenMs: number | null;
  /** In billionths of a US dollar; null when the price is not known. */
  readonly priceNano: number | null;
}

/** What replies that have ended took; also those that failed, as they may have cost something. */
export interface UsageCounts extends Omit<TokenUsage, 'isEstimated'> {
  readonly messages: number;
  /** In billionths of a US dollar, of the replies whose price is known. */
  readonly priceNano: number;
  /** Those whose price is not. */
  readonly unpricedMessages: number;
}

/** An account has used a share of its month's quota: told once for each month and share. */
export interface QuotaWarning {
  readonly accountId: string;
  /** Counts the warnings of the account, from 1. */
  readonly number: number;
  /** In UTC, `YYYY-MM`. */
  readonly month: string;
  readonly percent: number;
  /** The replies that were used, and that a month allowed, when it was told. */
  readonly used: number;
  readonly limit: number;
  readonly at: Timestamp;
}
