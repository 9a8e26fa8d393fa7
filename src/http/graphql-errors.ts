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
const CODES_WITH_HTTP_STATUS: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'MALFORMED_BODY',
  'SERVICE_UNAVAILABLE',
]);

/** Codes of the server library for a malformed body, and for an operation that is not in the document. */
const LIBRARY_CODES: ReadonlySet<unknown> = new Set(['BAD_REQUEST', 'OPERATION_RESOLUTION_FAILURE']);

/** Creates the public form of a refusal. `source`, the GraphQL error that wraps it, gives its position in the query. */
export function toGraphQLError(refusal: RefusalError, source?: unknown): GraphQLError {
  const { code, message } = refusal;
  const { status, graphqlStatus = status }: { status: number; graphqlStatus?: number } = ERRORS[code];
  const setsStatus = CODES_WITH_HTTP_STATUS.has(code);
  const isTemporary = refusal instanceof RateLimitedError || refusal instanceof ShuttingDownError;
  const retryAfterMs = isTemporary ? Math.ceil(refusal.retryAfterMs) : undefined;
  // The response with a refused field is otherwise valid, so the refusal does not determine the status.
  const isFieldError = source instanceof GraphQLError && source.path !== undefined;
  return createPublicError(message, source, {
    code,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(refusal instanceof ForbiddenError && { requiredScopes: refusal.requiredScopes, path: refusal.path }),
    ...(refusal instanceof QueryTooComplexError && costDetailsOf(refusal)),
    ...(setsStatus ? { http: { status } } : isFieldError ? {} : { http: { status: graphqlStatus, spec: true } }),
  });
}

const costDetailsOf = ({ cost, limit, parts }: QueryTooComplexError) => ({ cost, limit, parts });

const DISCONNECTS: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECANCELED', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Whether an error only means that the client has disconnected. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && DISCONNECTS.has(error.code);
}

/**
 * Logs an error that is not the client's fault. A `StorageUnavailableError` is logged without a stack, any other error
 * as a bug.
 */
export function logFailure(logger: Logger, error: unknown, logFields: Readonly<Record<string, unknown>> = {}): void {
  if (error instanceof StorageUnavailableError) logger[error.logLevel]({ ...logFields, err: error }, error.message);
  else logger.error({ ...logFields, err: error }, 'unexpected error');
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
      if (LIBRARY_CODES.has(original.extensions.code)) original.extensions.code = 'BAD_USER_INPUT';
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
