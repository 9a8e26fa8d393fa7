/**
 * Why an answer can fail, as public messages: the graph shows nothing else. A provider's own message may contain a
 * secret, so it is only logged, redacted.
 */
export const FAILURES = {
  ANSWER_FAILED: 'The answer could not be produced.',
  PROVIDER_UNAVAILABLE: 'The model could not be reached, or took too long.',
  PROVIDER_RATE_LIMITED: "The model's provider takes no more requests at the moment.",
  CONTEXT_TOO_LONG: 'The conversation is too long for the model.',
  CONTENT_FILTERED: "The model's provider held the answer back.",
  PROVIDER_MISCONFIGURED: 'The model is not set up rightly.',
  ENGINE_CRASHED: 'The gateway was ended three times while it worked on the answer.',
} as const satisfies Record<string, string>;

/** A reason for a failed answer. */
export type FailureCode = keyof typeof FAILURES;

/** An answer failed, or broke off. `detail` is for logs only, and contains no secret. */
export class AnswerFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, detail: string) {
    super(detail);
    this.code = code;
  }
}
