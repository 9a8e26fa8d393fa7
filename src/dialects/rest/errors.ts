import { STATUS_CODES } from 'node:http';
import type { Context } from 'hono';
import { parseAccept } from 'hono/utils/accept';
import type { z } from 'zod';
import { ERRORS, type ErrorCode, InvalidInputError, RefusalError, ShuttingDownError } from '../../domain/errors.ts';

/** A refusal that is known by its code alone, such as one that the graph answered. */
export class CodedError extends RefusalError {
  readonly code: ErrorCode;

  constructor(code: ErrorCode) {
    super(ERRORS[code].text);
    this.code = code;
  }
}

/** Makes the error for what does not fit a model. */
export function toInvalidInput({ issues }: Pick<z.ZodError, 'issues'>): InvalidInputError {
  return new InvalidInputError(issues.map(({ path, message }) => ({ path: path.map(String), message })));
}

/** Codes whose errors say more than the table does, in words that fit here. */
const SPEAKING: ReadonlySet<ErrorCode> = new Set(['INVALID_INPUT', 'BAD_USER_INPUT', 'RATE_LIMITED']);

/** Answers an error: what is no refusal shows nothing of itself. */
export function answerError(c: Context, error: unknown): Response {
  if (!(error instanceof RefusalError)) return answerCode(c, 'INTERNAL_SERVER_ERROR');
  if (error instanceof ShuttingDownError) c.header('Retry-After', `${Math.ceil(error.retryAfterMs / 1_000)}`);
  return answerCode(c, error.code, SPEAKING.has(error.code) ? error.message : undefined);
}

function answerCode(c: Context, code: ErrorCode, detail: string = ERRORS[code].text): Response {
  const { status } = ERRORS[code];
  if (!wantsProblem(c.req.header('Accept'))) return c.json({ detail }, status);
  const problem = { type: 'about:blank', title: STATUS_CODES[status], status, detail };
  return c.json(problem, status, { 'Content-Type': 'application/problem+json' });
}

function wantsProblem(accept: string | undefined): boolean {
  return parseAccept(accept ?? '').some(({ type, q }) => type.toLowerCase() === 'application/problem+json' && q > 0);
}
