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
