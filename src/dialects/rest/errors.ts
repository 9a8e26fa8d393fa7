import { STATUS_CODES } from 'node:http';
import type { Context } from 'hono';
import { parseAccept } from 'hono/utils/accept';
import type { z } from 'zod';
import {
  ERRORS,
  type ErrorCode,
  InvalidInputError,
  RefusalError,
  ShuttingDownError,
  UnsupportedEncodingError,
} from '../../domain/errors.ts';

/** A refusal that has only a code, such as the code of a GraphQL error. */
export class CodedError extends RefusalError {
  readonly code: ErrorCode;

  constructor(code: ErrorCode) {
    super(ERRORS[code].text);
    this.code = code;
  }
}

/** Creates the error for a body or parameters that violate a schema. */
export function toInvalidInput({ issues }: Pick<z.ZodError, 'issues'>): InvalidInputError {
  return new InvalidInputError(issues.map(({ path, message }) => ({ path: path.map(String), message })));
}

/** The codes whose responses show the message of the error instead of the standard text. */
const CODES_WITH_DETAIL: ReadonlySet<ErrorCode> = new Set([
  'INVALID_INPUT',
  'BAD_USER_INPUT',
  'RATE_LIMITED',
  'UNSUPPORTED_MEDIA_TYPE',
]);

/** Sends an error with the status of its code in `ERRORS`; the response to an internal error reveals nothing. */
export function sendError(c: Context, error: unknown): Response {
  if (!(error instanceof RefusalError)) return sendCode(c, 'INTERNAL_SERVER_ERROR');
  if (error instanceof ShuttingDownError) c.header('Retry-After', `${Math.ceil(error.retryAfterMs / 1_000)}`);
  if (error instanceof UnsupportedEncodingError) c.header('Accept-Encoding', 'gzip');
  return sendCode(c, error.code, CODES_WITH_DETAIL.has(error.code) ? error.message : undefined);
}

function sendCode(c: Context, code: ErrorCode, detail: string = ERRORS[code].text): Response {
  const { status } = ERRORS[code];
  if (!wantsProblem(c.req.header('Accept'))) return c.json({ detail }, status);
  const problem = { type: 'about:blank', title: STATUS_CODES[status], status, detail };
  return c.json(problem, status, { 'Content-Type': 'application/problem+json' });
}

function wantsProblem(accept: string | undefined): boolean {
  return parseAccept(accept ?? '').some(({ type, q }) => type.toLowerCase() === 'application/problem+json' && q > 0);
}
