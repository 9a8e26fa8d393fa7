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

/** Codes that decide the HTTP status whatever the client accepts; others only where it asked for the newer media type. */
const ALWAYS_STATUS: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'MALFORMED_BODY',
  'SERVICE_UNAVAILABLE',
]);

/** Codes of the layer below for a body of the wrong shape, and for an operation that the document does not have. */
const FOREIGN_CODES: ReadonlySet<unknown> = new Set(['BAD_REQUEST', 'OPERATION_RESOLUTION_FAILURE']);

/** Makes the public form of a refusal. `source` is the error in which GraphQL wrapped it, for its place in the query. */
export function toGraphQLError(refusal: RefusalError, source?: unknown): GraphQLError {
  const { code, message } = refusal;
  const { status } = ERRORS[code];
  const always = ALWAYS_STATUS.has(code);
  const isPassing = refusal instanceof RateLimitedError || refusal instanceof ShuttingDownError;
  const retryAfterMs = isPassing ? Math.ceil(refusal.retryAfterMs) : undefined;
  // A refused field leaves the rest of the answer standing, so it decides no status.
  const isField = source instanceof GraphQLError && source.path !== undefined;
  return createPublicError(message, source, {
    code,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(refusal instanceof ForbiddenError && { requiredScopes: refusal.requiredScopes, path: refusal.path }),
    ...(refusal instanceof QueryTooComplexError && sizeOf(refusal)),
    ...(always ? { http: { status } } : isField ? {} : { http: { status, spec: true } }),
  });
}

const sizeOf = ({ cost, limit, parts }: QueryTooComplexError) => ({ cost, limit, parts });

const DISCONNECTS: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECANCELED', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Whether an error says no more than that the client hung up while it was being answered. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && DISCONNECTS.has(error.code);
}

/** Logs what is not the client's fault: in one line without a stack where the storage is unavailable, else as a bug. */
export function logFailure(logger: Logger, error: unknown, about: Readonly<Record<string, unknown>> = {}): void {
  if (error instanceof StorageUnavailableError) logger[error.logLevel]({ ...about, err: error }, error.message);
  else logger.error({ ...about, err: error }, 'unexpected error');
}

/** Makes a function that turns any error into what clients may see of it; what is our fault is logged, and masked. */
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
    if (isDisconnect(original)) logger.debug({ err: original }, 'the client has left');
    else logFailure(logger, original);
    return createPublicError('Unexpected error.', error, { code: 'INTERNAL_SERVER_ERROR', unexpected: true });
  };
}

function createPublicError(message: string, source: unknown, extensions: Record<string, unknown>): GraphQLError {
  if (!(source instanceof GraphQLError)) return new GraphQLError(message, { extensions });
  // The errors of compiled operations have no nodes, but know where they come from.
  const { nodes, source: text, positions, path } = source;
  return new GraphQLError(message, { nodes: nodes ?? null, source: text, positions, path: path ?? null, extensions });
}

/** What was thrown in the first place. */
function originOf(error: GraphQLError): unknown {
  let origin: unknown = error;
  while (origin instanceof GraphQLError && origin.originalError != null) origin = origin.originalError;
  return origin;
}
