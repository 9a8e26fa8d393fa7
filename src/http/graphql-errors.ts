import { type ExecutionResult, type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Deps } from '../deps.ts';
import {
  ERRORS,
  type ErrorCode,
  ForbiddenError,
  PersistedQueryNotFoundError,
  QueryTooComplexError,
  RateLimitedError,
  RefusalError,
  ShuttingDownError,
  UnsupportedEncodingError,
} from '../domain/errors.ts';
import { GRAPHQL_METHODS } from './request-rules.ts';

/**
 * Codes that determine the HTTP status for every client. Other codes determine it only for clients that accept the
 * newer media type, `application/graphql-response+json`.
 */
const CODES_WITH_HTTP_STATUS: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHENTICATED',
  'SESSION_EXPIRED',
  'ORIGIN_NOT_ALLOWED',
  'VISITOR_BLOCKED',
  'FORBIDDEN',
  'OPERATION_NOT_ALLOWED',
  'RATE_LIMITED',
  'METHOD_NOT_ALLOWED',
  'NOT_ACCEPTABLE',
  'EVENT_STREAM_CONFLICT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'MALFORMED_BODY',
  'SERVICE_UNAVAILABLE',
]);

/** Creates the public form of a refusal. `source`, the GraphQL error that wraps it, gives its position in the query. */
export function toGraphQLError(refusal: RefusalError, source?: unknown): GraphQLError {
  const { code, message } = refusal;
  const { status, graphqlStatus = status }: { status: number; graphqlStatus?: number } = ERRORS[code];
  const setsStatus = CODES_WITH_HTTP_STATUS.has(code);
  const isTemporary = refusal instanceof RateLimitedError || refusal instanceof ShuttingDownError;
  const retryAfterMs = isTemporary ? Math.ceil(refusal.retryAfterMs) : undefined;
  // The response with a refused field is otherwise valid, so the refusal does not determine the status.
  const isFieldError = source instanceof GraphQLError && source.path !== undefined;
  const http = setsStatus ? { status } : isFieldError ? undefined : { status: graphqlStatus, spec: true };
  const headers = headersOf(refusal);
  return createPublicError(message, source, {
    code,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(refusal instanceof ForbiddenError && { requiredScopes: refusal.requiredScopes, path: refusal.path }),
    ...(refusal instanceof QueryTooComplexError && costDetailsOf(refusal)),
    ...(http && { http: { ...http, ...(headers && { headers }) } }),
  });
}

function headersOf(refusal: RefusalError): Record<string, string> | undefined {
  if (refusal instanceof UnsupportedEncodingError) return { 'Accept-Encoding': 'gzip' };
  // The next client may have registered the document. Source: Apollo Server.
  if (refusal instanceof PersistedQueryNotFoundError) return { 'Cache-Control': 'private, no-cache, must-revalidate' };
  return undefined;
}

const costDetailsOf = ({ cost, limit, parts }: QueryTooComplexError) => ({ cost, limit, parts });

const DISCONNECTS: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECANCELED', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Whether an error only means that the client has disconnected. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && DISCONNECTS.has(error.code);
}

/** Creates a function that converts any error to its public form; it logs and masks internal errors. */
export function createErrorMask({
  logger,
  failures,
}: Pick<Deps, 'logger' | 'failures'>): (error: unknown) => GraphQLError {
  return (error) => {
    const original = error instanceof GraphQLError ? originOf(error) : error;
    if (original instanceof RefusalError) {
      if (original.cause !== undefined) failures.log(original);
      return toGraphQLError(original, error);
    }
    if (original instanceof GraphQLError) {
      if (isArgumentError(original)) original.extensions.code = 'BAD_USER_INPUT';
      translateLibraryCode(original.extensions);
      return error as GraphQLError;
    }
    if (isDisconnect(original)) logger.debug({ err: original }, 'the client has disconnected');
    else failures.log(original);
    return createInternalError(error);
  };
}

/** Creates the public form of any error, without logging it. */
export function toPublicError(error: unknown): GraphQLError {
  return error instanceof RefusalError ? toGraphQLError(error) : createInternalError(error);
}

function createInternalError(source: unknown): GraphQLError {
  return createPublicError('Unexpected error.', source, { code: 'INTERNAL_SERVER_ERROR', unexpected: true });
}

/**
 * Whether graphql-js has refused the arguments of a field with the values of its variables, before the field ran. Only
 * the message shows it.
 */
function isArgumentError({ message, extensions }: GraphQLError): boolean {
  return extensions.code === undefined && message.startsWith('Argument "');
}

/** Replaces the codes of the server library by those of `ERRORS`, with their statuses. */
function translateLibraryCode(extensions: Record<string, unknown>): void {
  const { code, http } = extensions as { code?: unknown; http?: { status?: number; headers?: { Allow?: string } } };
  if (code === 'OPERATION_RESOLUTION_FAILURE') {
    extensions.code = 'BAD_USER_INPUT';
    extensions.http = { status: ERRORS.BAD_USER_INPUT.graphqlStatus, spec: true };
  } else if (code === 'BAD_REQUEST') {
    // The library does not know the methods of a single connection.
    if (http?.headers?.Allow === 'GET, POST') http.headers.Allow = GRAPHQL_METHODS.join(', ');
    extensions.code = http?.status === ERRORS.METHOD_NOT_ALLOWED.status ? 'METHOD_NOT_ALLOWED' : 'BAD_USER_INPUT';
  }
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

/** The public form of a result whose errors are public. */
export function toPublicResult({ data, errors, extensions }: ExecutionResult): FormattedExecutionResult {
  return {
    ...(data === undefined ? {} : { data }),
    ...(errors && { errors: errors.map(withoutHttpExtensions) }),
    ...(extensions && { extensions }),
  };
}

/** Removes the extensions that only responses over HTTP use. */
export function withoutHttpExtensions(error: GraphQLError): GraphQLFormattedError {
  const { http, unexpected, ...extensions } = error.extensions;
  return { ...error.toJSON(), extensions };
}
