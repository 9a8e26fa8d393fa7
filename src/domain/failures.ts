/**
 * The reasons for a failed answer, each with its public message. Most clients receive no other text. A provider's own
 * message is a failure's detail, from which the gateway removes secrets: it is logged, and shown to viewers with MANAGE.
 */
export const FAILURES = {
  ANSWER_FAILED: 'The answer could not be produced.',
  PROVIDER_UNAVAILABLE: 'The model could not be reached, or took too long.',
  PROVIDER_RATE_LIMITED: "The model's provider accepts no more requests at the moment.",
  CONTEXT_TOO_LONG: 'The conversation is too long for the model.',
  CONTENT_FILTERED: "The model's provider blocked the answer.",
  PROVIDER_MISCONFIGURED: 'The model is not configured correctly.',
  ENGINE_CRASHED: 'The gateway crashed three times while it generated the answer.',
} as const satisfies Record<string, string>;

/** A reason for a failed answer. */
export type FailureCode = keyof typeof FAILURES;

/** Why a model or the message of a conversation failed: a code, and in `message` a text that clients may see. */
export interface MessageFailure {
  readonly code: FailureCode;
  readonly message: string;
  /** The failure in the provider's own words, for viewers with MANAGE; absent or null when unknown. */
  readonly detail?: string | null | undefined;
}

/**
 * An answer failed, possibly after some of its text. Its `message` is the detail: a short text without secrets, for logs
 * and for viewers with MANAGE.
 */
export class AnswerFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** Describes an error for clients; an error other than an `AnswerFailure` is ANSWER_FAILED without detail. */
export function toMessageFailure(error: unknown): MessageFailure {
  const [code, detail] =
    error instanceof AnswerFailure ? [error.code, error.message] : ['ANSWER_FAILED' as const, null];
  return { code, message: FAILURES[code], detail };
}
