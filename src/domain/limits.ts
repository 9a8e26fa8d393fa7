/** The limits that an owner has set for an API key, or for the sessions of a chatbot. An absent one has its default. */
export interface Limits {
  /** Requests in any 60 seconds, 1 to `MAX_LIMIT`; absent: that of the settings. */
  readonly perMinute?: number;
  /** Messages of one visitor in any 60 seconds, 1 to `MAX_LIMIT`; absent: no limit of its own. */
  readonly perVisitorPerMinute?: number;
  /** The budget of a month; an absent number is not limited. */
  readonly monthly?: Budget;
  /** The budget of each visitor of a month. */
  readonly visitorMonthly?: Budget;
}

/** The largest usage of one UTC month. An absent number is not limited; 0 allows nothing. */
export interface Budget {
  /** Replies, counted like those of the account's quota. */
  readonly messages?: number;
  /** Tokens of prompts and replies. */
  readonly tokens?: number;
  /** In billionths of a US dollar. */
  readonly priceNano?: number;
}

/** The usage that counts against a budget in a UTC month. */
export interface BudgetUsage {
  /** Replies, unfinished ones included. */
  readonly messages: number;
  readonly tokens: number;
  /** In billionths of a US dollar. */
  readonly priceNano: number;
}

/** The status of a monthly budget of replies. */
export interface MonthlyStatus {
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until the next month begins, in UTC. */
  readonly resetMs: number;
  /** The length of the month. */
  readonly windowMs: number;
}

/** The rate limit status of a credential. */
export interface RateLimitStatus {
  /** Requests allowed in any 60 seconds. */
  readonly limit: number;
  /** The number of further requests allowed now. */
  readonly remaining: number;
  /**
   * Milliseconds until the oldest request of the last 60 seconds no longer counts, so that `remaining` grows; 0 without
   * a request in the last 60 seconds.
   */
  readonly resetMs: number;
  /** The budget of replies of the month; absent: not limited. */
  readonly monthly?: MonthlyStatus | undefined;
}
