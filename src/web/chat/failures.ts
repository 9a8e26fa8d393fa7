/** Thrown when the gateway is unreachable, or temporarily refuses a request: the same request may succeed later. */
export class UnreachableError extends Error {
  /** The retry delay that the gateway sent; absent if it sent none. */
  readonly retryAfterMs: number | undefined;

  constructor(retryAfterMs?: number) {
    super(retryAfterMs === undefined ? 'The server cannot be reached.' : 'Too many requests. Try again in a moment.');
    this.retryAfterMs = retryAfterMs;
  }
}

/** Thrown when the gateway refuses a request, with a message to show; the same request will fail again. */
export class RefusedError extends Error {
  /** The stable code of the reason, such as `NOT_FOUND`. */
  readonly code: string;

  constructor(code: string, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** Returns the message to show for an error. */
export function describeFailure(error: unknown): string {
  return error instanceof RefusedError || error instanceof UnreachableError ? error.message : 'Something went wrong.';
}
