/** The codes of failures that may be over at the next attempt. */
const TEMPORARY_CODES = new Set(['UNREACHABLE', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR']);

/** Thrown when the gateway refuses a request, and when it cannot be reached. */
export class ChatGraphError extends Error {
  /** The code of the gateway, such as `NOT_FOUND`; `UNREACHABLE` if it did not answer. */
  readonly code: string;
  /** The time after which the gateway asks to try again; undefined if it named none. */
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'ChatGraphError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** True if the same request may succeed later. */
  get isTemporary(): boolean {
    return TEMPORARY_CODES.has(this.code);
  }
}

/** Creates the error for a gateway that does not answer. */
export const createUnreachableError = (): ChatGraphError =>
  new ChatGraphError('UNREACHABLE', 'The server cannot be reached.');

/** Creates the error for a token that is refused again and again. */
export const createTokenError = (): ChatGraphError =>
  new ChatGraphError('UNAUTHENTICATED', 'The server does not accept the token.');

/** An error as it stands in a response of GraphQL. */
export interface ResponseError {
  readonly message: string;
  readonly extensions?: { readonly code?: unknown; readonly retryAfterMs?: unknown } | undefined;
}

/** Creates the error for the first of the errors of a response. */
export function toChatGraphError([error]: readonly ResponseError[]): ChatGraphError {
  const { code, retryAfterMs } = error?.extensions ?? {};
  return new ChatGraphError(
    typeof code === 'string' ? code : 'INTERNAL_SERVER_ERROR',
    error?.message ?? 'Something went wrong.',
    typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  );
}
