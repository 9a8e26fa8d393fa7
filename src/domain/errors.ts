import type { Conversation, Scope } from './entities.ts';
import type { RateLimitStatus } from './limits.ts';
import { MAX_ACTIVE_API_KEYS, MAX_BODY_BYTES } from './shared-limits.ts';

type ErrorTable = Record<string, { status: number; graphqlStatus?: number; text: string }>;

/** The errors of results: members of the unions that mutations return, in which they have the type `Error`. */
const RESULT_ERRORS = {
  NOT_FOUND: { status: 404, text: 'Not Found' },
  INVALID_INPUT: { status: 400, text: 'The input is invalid.' },
  CHATBOT_PAUSED: { status: 400, text: 'Chatbot is not active.' },
  ASSIGNEE_CHANGED: { status: 409, text: 'Another person is assigned to the conversation, or nobody is.' },
  CONVERSATION_BUSY: { status: 409, text: 'The conversation is busy.' },
  IDEMPOTENCY_CONFLICT: { status: 422, text: 'This idempotency key was used for another request.' },
  API_KEY_LIMIT: { status: 400, text: `Maximum ${MAX_ACTIVE_API_KEYS} active API keys allowed. Revoke one first.` },
  QUOTA_EXCEEDED: { status: 429, text: 'Monthly message limit reached.' },
  VISITOR_BLOCKED: { status: 403, text: 'This visitor is blocked.' },
} as const satisfies ErrorTable;

/**
 * All error codes that clients can receive. Only this table maps a code to its HTTP status and its public text. GraphQL
 * responses contain the code as the `code` of a union member, or as `extensions.code` of a top-level error.
 * `graphqlStatus` is the status of a GraphQL response if it differs: 422 for a well-formed request that cannot be
 * executed. Source: GraphQL over HTTP.
 */
export const ERRORS = {
  ...RESULT_ERRORS,
  UNAUTHENTICATED: { status: 401, text: 'Unauthorized' },
  ORIGIN_NOT_ALLOWED: { status: 403, text: 'This origin may not use the credential or the chatbot.' },
  SESSION_EXPIRED: { status: 401, text: 'The token has expired.' },
  FORBIDDEN: { status: 403, text: 'This credential may not do that.' },
  RATE_LIMITED: { status: 429, text: 'API rate limit exceeded.' },
  BAD_USER_INPUT: { status: 400, graphqlStatus: 422, text: 'The input is invalid.' },
  QUERY_TOO_COMPLEX: { status: 400, graphqlStatus: 422, text: 'The query is too complex.' },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    text: `Request body is too large. At most ${MAX_BODY_BYTES / 1_024} kB are accepted.`,
  },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, text: 'Request body must be application/json.' },
  MALFORMED_BODY: { status: 400, text: 'Cannot parse request body' },
  METHOD_NOT_ALLOWED: { status: 405, text: 'Method not allowed' },
  NOT_ACCEPTABLE: {
    status: 406,
    text: 'Accept application/graphql-response+json, application/json, text/event-stream or multipart/mixed.',
  },
  EVENT_STREAM_CONFLICT: {
    status: 409,
    text: 'This gateway has no event stream with this token: it has ended, or another gateway has reserved it. Reserve one with PUT.',
  },
  OPERATION_NOT_ALLOWED: { status: 403, text: 'This credential may run only the documents of its manifest.' },
  // The messages are those by which Apollo's protocol for persisted queries names the errors.
  PERSISTED_QUERY_NOT_FOUND: { status: 422, text: 'PersistedQueryNotFound' },
  PERSISTED_QUERY_NOT_SUPPORTED: { status: 422, text: 'PersistedQueryNotSupported' },
  ANSWER_FAILED: { status: 502, text: 'The answer could not be produced.' },
  ANSWER_TIMEOUT: { status: 504, text: 'The answer took too long.' },
  SERVICE_UNAVAILABLE: { status: 503, text: 'Service unavailable.' },
  INTERNAL_SERVER_ERROR: { status: 500, text: 'Internal Server Error' },
} as const satisfies ErrorTable;

/** A reason that clients can act on, the same in GraphQL, REST and the logs. */
export type ErrorCode = keyof typeof ERRORS;

/** The code of an error in a result. Every other code is that of a top-level error, or of a REST response. */
export type ResultErrorCode = keyof typeof RESULT_ERRORS;

/** The base of all refusals: errors whose code and message are public. */
export abstract class RefusalError extends Error {
  abstract readonly code: ErrorCode;
}

/** Creates the class of a refusal with a fixed message, by default the public text of its code. */
function refusalOf<Code extends ErrorCode>(code: Code, message: string = ERRORS[code].text) {
  return class extends RefusalError {
    readonly code = code;

    constructor() {
      super(message);
    }
  };
}

/** The resource does not exist, or belongs to another account: clients cannot tell the difference. */
export class NotFoundError extends RefusalError {
  readonly code = 'NOT_FOUND';

  constructor(noun: string) {
    super(`${noun} not found.`);
  }
}

/**
 * Returns `found`.
 * @throws NotFoundError if it is undefined or null.
 */
export function requireFound<T>(noun: string, found: T | undefined | null): T {
  if (found === undefined || found === null) throw new NotFoundError(noun);
  return found;
}

/** A problem of one field of an input. `path` is the path of the field within the argument `input`. */
export interface FieldProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** The input breaks the rule of a field. `fields` has at least one problem. */
export class InvalidInputError extends RefusalError {
  readonly code = 'INVALID_INPUT';
  readonly fields: readonly FieldProblem[];

  constructor(fields: readonly FieldProblem[]) {
    super(fields.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join(' '));
    this.fields = fields;
  }
}

/** The chatbot is paused and accepts no messages. */
export class ChatbotPausedError extends refusalOf('CHATBOT_PAUSED') {}

/** A reply is in progress in the conversation, and the client does not want to wait. */
export class ConversationBusyError extends refusalOf('CONVERSATION_BUSY') {}

/** The conversation is not assigned to the person to whom the client thought that it was. */
export class AssigneeChangedError extends RefusalError {
  readonly code = 'ASSIGNEE_CHANGED';
  /** The conversation with its present assignee. */
  readonly conversation: Conversation;

  constructor(conversation: Conversation) {
    super(ERRORS.ASSIGNEE_CHANGED.text);
    this.conversation = conversation;
  }
}

/** The client has used its message id before, for another request. */
export class IdempotencyConflictError extends refusalOf('IDEMPOTENCY_CONFLICT') {}

/** The account has the maximum number of active keys. */
export class ApiKeyLimitError extends refusalOf('API_KEY_LIMIT') {}

/** The account has used up the AI replies of this UTC month, or a budget of the month is used up. */
export class QuotaExceededError extends RefusalError {
  readonly code = 'QUOTA_EXCEEDED';

  constructor(message: string = ERRORS.QUOTA_EXCEEDED.text) {
    super(message);
  }
}

/** The visitor, or the network of the client, is blocked. */
export class VisitorBlockedError extends refusalOf('VISITOR_BLOCKED') {}

/** The credential is missing or invalid: unknown, malformed and revoked keys get the same error. */
export class UnauthenticatedError extends refusalOf('UNAUTHENTICATED') {}

/** The token was valid, and has expired: the client gets a new one and repeats the request. */
export class SessionExpiredError extends refusalOf('SESSION_EXPIRED') {}

/** The origin of the page may not use the session token, or may not start sessions with the chatbot. */
export class OriginNotAllowedError extends refusalOf('ORIGIN_NOT_ALLOWED') {}

/** The credential is valid but lacks a scope. Nothing was done. */
export class ForbiddenError extends RefusalError {
  readonly code = 'FORBIDDEN';
  /** The smallest set of scopes that is sufficient for the whole operation; empty if no scope is sufficient. */
  readonly requiredScopes: readonly Scope[];
  /** The path of the first forbidden field in the response, from the root. */
  readonly path: readonly string[];

  /** @param field the selected field, as `Type.field`. */
  constructor(field: string, requiredScopes: readonly Scope[] = [], path: readonly string[] = []) {
    super(`This credential lacks the scope that ${field} needs.`);
    this.requiredScopes = requiredScopes;
    this.path = path;
  }
}

/** Too many requests, or too many failed attempts to authenticate. Nothing was done; try again after `retryAfterMs`. */
export class RateLimitedError extends RefusalError {
  readonly code = 'RATE_LIMITED';
  readonly retryAfterMs: number;
  /** The rate limit status of the key; undefined for an unknown key. */
  readonly rateLimit: RateLimitStatus | undefined;

  constructor(message: string, retryAfterMs: number, rateLimit?: RateLimitStatus) {
    super(message);
    this.retryAfterMs = retryAfterMs;
    this.rateLimit = rateLimit;
  }
}

/** An argument has the right type but is invalid: an invalid cursor, `first` with `last`, an impossible combination. */
export class BadUserInputError extends RefusalError {
  readonly code = 'BAD_USER_INPUT';
}

/** A part of the cost of an operation. */
export interface CostPart {
  /** The response names from the root to the field that causes the cost; a connection includes its items. */
  readonly path: readonly string[];
  readonly cost: number;
}

/** The query is nested too deeply, too long or too expensive, or its response is too large. */
export class QueryTooComplexError extends RefusalError {
  readonly code = 'QUERY_TOO_COMPLEX';
  /** The cost or the size that exceeds `limit`, or a lower bound of it. */
  readonly cost: number;
  readonly limit: number;
  /** The most expensive parts, largest first; empty when unknown or not helpful. */
  readonly parts: readonly CostPart[];

  constructor(
    message: string,
    { cost, limit, parts = [] }: { cost: number; limit: number; parts?: readonly CostPart[] },
  ) {
    super(message);
    this.cost = cost;
    this.limit = limit;
    this.parts = parts;
  }
}

/** The body exceeds the limit of a request. */
export class PayloadTooLargeError extends RefusalError {
  readonly code = 'PAYLOAD_TOO_LARGE';

  constructor(message: string = ERRORS.PAYLOAD_TOO_LARGE.text) {
    super(message);
  }
}

/** The content type of the body is not JSON. */
export class UnsupportedMediaTypeError extends refusalOf('UNSUPPORTED_MEDIA_TYPE') {}

/** The body has a content coding other than gzip. */
export class UnsupportedEncodingError extends refusalOf(
  'UNSUPPORTED_MEDIA_TYPE',
  'The Content-Encoding of a request body must be gzip, or absent.',
) {}

/** The content type of the body is JSON, but the body is not JSON, not valid UTF-8, or not valid gzip. */
export class MalformedBodyError extends refusalOf('MALFORMED_BODY') {}

/** The response to the operation has none of the media types that the client accepts. Nothing was done. */
export class NotAcceptableError extends RefusalError {
  readonly code = 'NOT_ACCEPTABLE';

  /** @param isStream whether the response would be a stream. */
  constructor(isStream: boolean) {
    super(isStream ? 'A subscription needs Accept: text/event-stream or multipart/mixed.' : ERRORS.NOT_ACCEPTABLE.text);
  }
}

/** The token of an event stream names none that this process can use. Nothing was done. */
export class EventStreamConflictError extends RefusalError {
  readonly code = 'EVENT_STREAM_CONFLICT';

  constructor(message: string = ERRORS.EVENT_STREAM_CONFLICT.text) {
    super(message);
  }
}

/** The document is not one of those that the credential may run. Nothing was done. */
export class OperationNotAllowedError extends refusalOf('OPERATION_NOT_ALLOWED') {}

/** The request has the id of an unknown document instead of a document. The client sends the document instead. */
export class PersistedQueryNotFoundError extends refusalOf('PERSISTED_QUERY_NOT_FOUND') {}

/** The request uses another version of Apollo's protocol than 1. The client sends documents without their hashes. */
export class PersistedQueryNotSupportedError extends refusalOf('PERSISTED_QUERY_NOT_SUPPORTED') {}

/**
 * The gateway is stopping, and cannot keep the client waiting for the response. The client can try again after
 * `retryAfterMs`, when the gateway has restarted.
 */
export class ShuttingDownError extends refusalOf('SERVICE_UNAVAILABLE') {
  readonly retryAfterMs = 5_000;
}

/** The conversation has the maximum number of queued messages. */
export class QueueFullError extends refusalOf(
  'SERVICE_UNAVAILABLE',
  'Too many messages are waiting in this conversation.',
) {}

/** The operation exceeded its time limit. Changes that the operation has started may still happen. */
export class OperationTimeoutError extends refusalOf('SERVICE_UNAVAILABLE', 'The operation took too long.') {}

/**
 * The database cannot be read or written: its disk is full or fails, or its server does not respond. Nothing was
 * stored, unless the connection was lost during a commit: then the outcome is unknown.
 */
export class StorageUnavailableError extends RefusalError {
  readonly code = 'SERVICE_UNAVAILABLE';
  /**
   * `warn` for a problem that resolves without help, `error` when the operator has to act. The error is logged in one
   * line, without its stack.
   */
  readonly logLevel: 'warn' | 'error';

  constructor({ logLevel = 'error', ...options }: ErrorOptions & { logLevel?: 'warn' | 'error' }) {
    super(ERRORS.SERVICE_UNAVAILABLE.text, options);
    this.logLevel = logLevel;
  }
}

/** A setting, argument or file that prevents the start; shown to the operator as one line. */
export class StartupError extends Error {}
