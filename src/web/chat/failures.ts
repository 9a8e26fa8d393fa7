/** The gateway is unreachable or not ready: the same request may succeed later. */
export class UnreachableError extends Error {
  /** How long the gateway asks to wait; absent if it did not say. */
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

/** The gateway refused the request, with a message for people; the same request will fail again. */
export class RefusedError extends Error {
  /** The stable code of the reason, such as `NOT_FOUND`. */
  readonly code: string;

  constructor(code: string, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** The message to show for any error. */
export function describeFailure(error: unknown): string {
  return error instanceof RefusedError || error instanceof UnreachableError ? error.message : 'Something went wrong.';
}
