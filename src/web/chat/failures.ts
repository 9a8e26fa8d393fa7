/** The gateway cannot be reached, or is not ready: the same request may succeed later. */
export class UnreachableError extends Error {
  /** How long it asked us to wait; absent where it said nothing. */
  readonly retryAfterMs: number | undefined;

  constructor(retryAfterMs?: number) {
    super(
      retryAfterMs === undefined
        ? 'The server cannot be reached.'
        : 'That was too much at once. Try again in a moment.',
    );
    this.retryAfterMs = retryAfterMs;
  }
}

/** The gateway said no, in words for people; the same request will fail again. */
export class RefusedError extends Error {
  /** The reason in a word that never changes, such as `NOT_FOUND`. */
  readonly code: string;

  constructor(code: string, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** What to show of anything that was thrown. */
export function describeFailure(error: unknown): string {
  return error instanceof RefusedError || error instanceof UnreachableError ? error.message : 'Something went wrong.';
}
