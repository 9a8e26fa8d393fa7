/**
 * The reasons for a failed answer, each with its public message. Clients receive no other text: a provider's own
 * message may contain a secret, so the gateway removes the secrets from that message and only logs it.
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

/** An answer failed, possibly after some of its text. `detail` is for logs only, and contains no secret. */
export class AnswerFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, detail: string) {
    super(detail);
    this.code = code;
  }
}
