import type { ExecutionResult } from 'graphql';
import { BadUserInputError } from '../../domain/errors.ts';
import { isJsonObject } from '../../domain/json.ts';
import type { RateLimitStatus } from '../../domain/limits.ts';
import { QUERY_LIMITS } from '../parse-document.ts';

/** The options that a client asks for in the `extensions` of a request. */
export interface RequestOptions {
  /** Checks and prices the operation without running it. */
  readonly dryRun: boolean;
  /** Adds the rate limit status to the `extensions` of the result. */
  readonly rateLimit: boolean;
}

/** The price of an operation that a dry run has checked. */
export interface OperationPrice {
  readonly cost: number;
  /** The number of requests that it counts as against the rate limit of the credential. */
  readonly requests: number;
}

/**
 * Reads the options of a request.
 * @throws BadUserInputError for an option that is no boolean: the operation must not run by mistake.
 */
export function readRequestOptions(extensions: unknown): RequestOptions {
  const { dryRun, rateLimit } = isJsonObject(extensions) ? extensions : {};
  return { dryRun: readFlag('dryRun', dryRun), rateLimit: readFlag('rateLimit', rateLimit) };
}

function readFlag(name: string, value: unknown): boolean {
  if (value == null) return false;
  if (typeof value !== 'boolean') throw new BadUserInputError(`\`extensions.${name}\` must be true or false.`);
  return value;
}

/** Creates the result of a dry run. Nothing was executed, so `data` is null, without an error. */
export function createDryRunResult({ cost, requests }: OperationPrice): ExecutionResult {
  return { data: null, extensions: { cost: { cost, limit: QUERY_LIMITS.cost, requests } } };
}

/** Adds the rate limit status to a result. */
export function withRateLimit(
  result: ExecutionResult,
  { limit, remaining, resetMs, monthly }: RateLimitStatus,
): ExecutionResult {
  const month = monthly && { limit: monthly.limit, remaining: monthly.remaining, resetMs: monthly.resetMs };
  const rateLimit = { limit, remaining, resetMs, ...(month && { monthly: month }) };
  return { ...result, extensions: { ...result.extensions, rateLimit } };
}
