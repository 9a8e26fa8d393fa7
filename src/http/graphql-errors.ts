import { GraphQLError } from 'graphql';
import type { Logger } from 'pino';
import {
  ERRORS,
  type ErrorCode,
  ForbiddenError,
  QueryTooComplexError,
  RateLimitedError,
  RefusalError,
  ShuttingDownError,
  StorageUnavailableError,
} from '../domain/errors.ts';

/**
 * Codes that determine the HTTP status for every client. Other codes determine it only for clients that accept the
 * newer media type, `application/graphql-response+json`.
 */
const ALWAYS_STATUS: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'MALFORMED_BODY',
  'SERVICE_UNAVAILABLE',
]);

/** Codes that the server library uses for a malformed body, and for an operation that the document lacks. */
const FOREIGN_CODES: ReadonlySet<unknown> = new Set(['BAD_REQUEST', 'OPERATION_RESOLUTION_FAILURE']);

/** Creates the public form of a refusal. `source`, the GraphQL error that wraps it, gives its position in the query. */
export function toGraphQLError(refusal: RefusalError, source?: unknown): GraphQLError {
  const { code, message } = refusal;
  const { status } = ERRORS[code];
  const setsStatus = ALWAYS_STATUS.has(code);
  const isTemporary = refusal instanceof RateLimitedError || refusal instanceof ShuttingDownError;
  const retryAfterMs = isTemporary ? Math.ceil(refusal.retryAfterMs) : undefined;
  // If a field is refused, the response is otherwise valid, so the field does not determine the status.
  const isFieldError = source instanceof GraphQLError && source.path !== undefined;
  return createPublicError(message, source, {
    code,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(refusal instanceof ForbiddenError && { requiredScopes: refusal.requiredScopes, path: refusal.path }),
    ...(refusal instanceof QueryTooComplexError && sizeOf(refusal)),
    ...(setsStatus ? { http: { status } } : isFieldError ? {} : { http: { status, spec: true } }),
  });
}

const sizeOf = ({ cost, limit, parts }: QueryTooComplexError) => ({ cost, limit, parts });

const DISCONNECTS: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECANCELED', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Whether an error only means that the client has disconnected. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && DISCONNECTS.has(error.code);
}

/**
 * Logs an error that is not the client's fault: an unavailable storage in one line without a stack, anything else as a
 * bug.
 */
export function logFailure(logger: Logger, error: unknown, about: Readonly<Record<string, unknown>> = {}): void {
  if (error instanceof StorageUnavailableError) logger[error.logLevel]({ ...about, err: error }, error.message);
  else logger.error({ ...about, err: error }, 'unexpected error');
}

/** Creates a function that converts any error to its public form; it logs and masks internal errors. */
export function createErrorMask(logger: Logger): (error: unknown) => GraphQLError {
  return (error) => {
    const original = error instanceof GraphQLError ? originOf(error) : error;
    if (original instanceof RefusalError) {
      if (original.cause !== undefined) logFailure(logger, original);
      return toGraphQLError(original, error);
    }
    if (original instanceof GraphQLError) {
      if (FOREIGN_CODES.has(original.extensions.code)) original.extensions.code = 'BAD_USER_INPUT';
      return error as GraphQLError;
    }
    if (isDisconnect(original)) logger.debug({ err: original }, 'the client has disconnected');
    else logFailure(logger, original);
    return createPublicError('Unexpected error.', error, { code: 'INTERNAL_SERVER_ERROR', unexpected: true });
  };
}

function createPublicError(message: string, source: unknown, extensions: Record<string, unknown>): GraphQLError {
  if (!(source instanceof GraphQLError)) return new GraphQLError(message, { extensions });
  // Errors of compiled operations have no nodes, but have a position.
  const { nodes, source: text, positions, path } = source;
  return new GraphQLError(message, { nodes: nodes ?? null, source: text, positions, path: path ?? null, extensions });
}

/** The error that was thrown originally. */
function originOf(error: GraphQLError): unknown {
  let origin: unknown = error;
  while (origin instanceof GraphQLError && origin.originalError != null) origin = origin.originalError;
  return origin;
}
