import type { Scope } from './entities.ts';
import { MAX_ACTIVE_API_KEYS, MAX_BODY_BYTES } from './limits.ts';

/**
 * Everything that can be refused, and the one table that says how: code → HTTP status → public text. Nothing else in
 * the program chooses a status. In GraphQL a `code` is a union member's `code` or a top-level `extensions.code`.
 */
export const ERRORS = {
  NOT_FOUND: { status: 404, text: 'Not Found' },
  INVALID_INPUT: { status: 400, text: 'The input is invalid.' },
  CHATBOT_PAUSED: { status: 400, text: 'Chatbot is not active.' },
  CONVERSATION_BUSY: { status: 409, text: 'The conversation is busy.' },
  IDEMPOTENCY_CONFLICT: { status: 422, text: 'This idempotency key was used for another request.' },
  API_KEY_LIMIT: { status: 400, text: `Maximum ${MAX_ACTIVE_API_KEYS} active API keys allowed. Revoke one first.` },
  QUOTA_EXCEEDED: { status: 429, text: 'Monthly message limit reached.' },
  UNAUTHENTICATED: { status: 401, text: 'Unauthorized' },
  FORBIDDEN: { status: 403, text: 'This credential may not do that.' },
  RATE_LIMITED: { status: 429, text: 'API rate limit exceeded.' },
  BAD_USER_INPUT: { status: 400, text: 'The input is invalid.' },
  QUERY_TOO_COMPLEX: { status: 400, text: 'The query asks for too much.' },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    text: `Request body is too large. At most ${MAX_BODY_BYTES / 1_024} kB are accepted.`,
  },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, text: 'Request body must be application/json.' },
  MALFORMED_BODY: { status: 400, text: 'Cannot parse request body' },
  METHOD_NOT_ALLOWED: { status: 405, text: 'Method not allowed' },
  ANSWER_FAILED: { status: 502, text: 'The answer could not be produced.' },
  ANSWER_TIMEOUT: { status: 504, text: 'The answer took too long.' },
  SERVICE_UNAVAILABLE: { status: 503, text: 'Service unavailable.' },
  INTERNAL_SERVER_ERROR: { status: 500, text: 'Internal Server Error' },
} as const satisfies Record<string, { status: number; text: string }>;

/** A reason that clients can act on, the same in GraphQL, REST and the logs. */
export type ErrorCode = keyof typeof ERRORS;

/** What every refusal is: an error whose code and message are public. */
export abstract class RefusalError extends Error {
  abstract readonly code: ErrorCode;
}

/** Makes the class of a refusal that says the same each time: by default the public text of its code. */
function refusalOf<Code extends ErrorCode>(code: Code, message: string = ERRORS[code].text) {
  return class extends RefusalError {
    readonly code = code;

    constructor() {
      super(message);
    }
  };
}

/** What was named does not exist, or belongs to someone else: both look the same on purpose. */
export class NotFoundError extends RefusalError {
  readonly code = 'NOT_FOUND';

  constructor(noun: string) {
    super(`${noun} not found.`);
  }
}

/**
 * Gives a found thing back.
 * @throws NotFoundError when it was not found.
 */
export function requireFound<T>(noun: string, found: T | undefined | null): T {
  if (found === undefined || found === null) throw new NotFoundError(noun);
  return found;
}

/** One field of an input, and what is wrong with it. `path` starts inside `input`. */
export interface FieldProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** The input breaks a rule of a field. At least one problem is given. */
export class InvalidInputError extends RefusalError {
  readonly code = 'INVALID_INPUT';
  readonly fields: readonly FieldProblem[];

  constructor(fields: readonly FieldProblem[]) {
    super(fields.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join(' '));
    this.fields = fields;
  }
}

/** The chatbot is switched off and takes no messages. */
export class ChatbotPausedError extends refusalOf('CHATBOT_PAUSED') {}

/** A reply is under way in the conversation, and the caller did not want to wait. */
export class ConversationBusyError extends refusalOf('CONVERSATION_BUSY') {}

/** The client's own id of a message was used before, for something else. */
export class IdempotencyConflictError extends refusalOf('IDEMPOTENCY_CONFLICT') {}

/** The account already has as many active keys as it may. */
export class ApiKeyLimitError extends refusalOf('API_KEY_LIMIT') {}

/** The account has used up the AI replies of this UTC month. */
export class QuotaExceededError extends refusalOf('QUOTA_EXCEEDED') {}

/** No credential where one is needed, or one that does not hold: unknown, malformed and revoked look the same. */
export class UnauthenticatedError extends refusalOf('UNAUTHENTICATED') {}

/** The credential holds but lacks a scope. */
export class ForbiddenError extends RefusalError {
  readonly code = 'FORBIDDEN';
  /** The scopes of which one would be enough; empty where none is. */
  readonly requiredScopes: readonly Scope[];
  /** Where in the document the field is selected: the names that the answer would have, from the root. */
  readonly path: readonly string[];

  /** @param field what was asked for, as `Type.field`. */
  constructor(field: string, requiredScopes: readonly Scope[] = [], path: readonly string[] = []) {
    super(`This credential lacks the scope that ${field} needs.`);
    this.requiredScopes = requiredScopes;
    this.path = path;
  }
}

/** How a credential stands with its limit. */
export interface RateLimitStatus {
  /** Requests allowed in any 60 seconds. */
  readonly limit: number;
  /** How many more would be let through right now. */
  readonly remaining: number;
  /** Milliseconds until `remaining` next grows by itself; 0 when nothing is counted. */
  readonly resetMs: number;
}

/** Too many requests, or too many failed attempts to authenticate. Nothing was done; try again after `retryAfterMs`. */
export class RateLimitedError extends RefusalError {
  readonly code = 'RATE_LIMITED';
  readonly retryAfterMs: number;
  /** Absent where no key is known yet. */
  readonly standing: RateLimitStatus | undefined;

  constructor(message: string, retryAfterMs: number, standing?: RateLimitStatus) {
    super(message);
    this.retryAfterMs = retryAfterMs;
    this.standing = standing;
  }
}

/** An argument that no type can check: a cursor of garbage, `first` with `last`, an impossible combination. */
export class BadUserInputError extends RefusalError {
  readonly code = 'BAD_USER_INPUT';
}

/** A field at the root of an operation, by the name that it has in the answer, and its part of the cost. */
export interface CostPart {
  readonly field: string;
  readonly cost: number;
}

/** The query is nested, long or costly beyond the limits, or its answer too large. */
export class QueryTooComplexError extends RefusalError {
  readonly code = 'QUERY_TOO_COMPLEX';
  /** What was counted, at least: of it there may be `limit`. */
  readonly cost: number;
  readonly limit: number;
  /** What costs most, the dearest first; empty where that is not known, or says nothing. */
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

/** The body is larger than a request may be. */
export class PayloadTooLargeError extends refusalOf('PAYLOAD_TOO_LARGE') {}

/** The body is not JSON by its own account. */
export class UnsupportedMediaTypeError extends refusalOf('UNSUPPORTED_MEDIA_TYPE') {}

/** The body says that it is JSON and is not: bad syntax or bytes that are no UTF-8. */
export class MalformedBodyError extends refusalOf('MALFORMED_BODY') {}

/** The gateway stops, and nobody can wait for the answer here. Try again after `retryAfterMs`, at its next start. */
export class ShuttingDownError extends refusalOf('SERVICE_UNAVAILABLE') {
  readonly retryAfterMs = 5_000;
}

/** The conversation has as many messages waiting as it may. */
export class QueueFullError extends refusalOf(
  'SERVICE_UNAVAILABLE',
  'Too many messages are waiting in this conversation.',
) {}

/** An operation took longer than it may. What it had begun to change may yet be done. */
export class OperationTimeoutError extends refusalOf('SERVICE_UNAVAILABLE', 'The operation took too long.') {}

/**
 * The database cannot be read or written: its disk is full or fails, or its server does not answer. Nothing was stored;
 * only where a server was lost while it committed, nobody knows.
 */
export class StorageUnavailableError extends RefusalError {
  readonly code = 'SERVICE_UNAVAILABLE';
  /** `warn` where it passes by itself, `error` where the operator has to act. It is logged in one line, without a stack. */
  readonly logLevel: 'warn' | 'error';

  constructor({ logLevel = 'error', ...options }: ErrorOptions & { logLevel?: 'warn' | 'error' }) {
    super(ERRORS.SERVICE_UNAVAILABLE.text, options);
    this.logLevel = logLevel;
  }
}

/** A setting, argument or file that keeps the program from starting; shown to the operator as one line. */
export class StartupError extends Error {}

/** Another gateway has this database open. */
export class DatabaseInUseError extends StartupError {
  constructor(path: string) {
    super(`Another gateway is using ${path}. Stop it first, or give this one its own DATA_DIR.`);
  }
}
