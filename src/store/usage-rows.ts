import type { Timestamp } from '../domain/time.ts';

/** A row of usage, one per account and UTC month: the number of replies that count against the quota. */
export interface UsageRow {
  account_id: string;
  month: string;
  messages: number;
}

/**
 * A row of budget_usage: what counts in a month against the budget of an API key, of the sessions of a chatbot, or of a
 * visitor. `owner_id` is the id of the key, the chatbot or the visitor.
 */
export interface BudgetUsageRow {
  account_id: string;
  owner_id: string;
  month: string;
  messages: number;
  tokens: number;
  /** In billionths of a US dollar. */
  price_nano: number;
}

/** The columns that count the usage of finished replies. */
export const USAGE_COUNT_COLUMNS = [
  'messages',
  'input_tokens',
  'cached_tokens',
  'output_tokens',
  'reasoning_tokens',
  /** In billionths of a US dollar, for the replies whose price is known. */
  'price_nano',
  /** The number of replies without a known price. */
  'unpriced_messages',
  'answered',
  'unsure',
  'fallbacks',
  'rated_up',
  'rated_down',
] as const;

/** The usage of finished replies. */
export type UsageCountColumns = Record<(typeof USAGE_COUNT_COLUMNS)[number], number>;

/**
 * A row of usage_days: the usage of the replies that were requested on a UTC day. It remains after the deletion of the
 * chatbot. The ids of the chatbot and the API key are `''` when unknown.
 */
export interface UsageDayRow extends UsageCountColumns {
  account_id: string;
  day: string;
  chatbot_id: string;
  api_key_id: string;
}

/**
 * A row of usage_quarter_hours: the same usage by the quarter-hour in UTC, `YYYY-MM-DDTHH:MM`, for the days of time
 * zones. There are at most as many rows as replies.
 */
export interface UsageQuarterHourRow extends Omit<UsageDayRow, 'day'> {
  quarter_hour: string;
}

/** A row of quota_warnings, one per month and percentage of the quota. `number` counts within the account. */
export interface QuotaWarningRow {
  account_id: string;
  number: number;
  month: string;
  percent: number;
  used: number;
  message_limit: number;
  at: Timestamp;
}
