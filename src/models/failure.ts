import { APICallError } from '@ai-sdk/provider';
import { AnswerFailure, type FailureCode } from '../domain/failures.ts';
import type { Redact } from './redact.ts';

/** The failure of a model call. It contains no part of the question, the answer or a key. */
export class ModelFailure extends AnswerFailure {
  /** Whether `models.ts` retries the call. After any failure `answer/model-engine.ts` calls the next fallback model. */
  readonly isTransient: boolean;
  /** The provider's `Retry-After`; undefined when it sent none. */
  readonly retryAfterMs: number | undefined;

  constructor(code: FailureCode, detail: string, { isTransient = false, retryAfterMs }: RetryHint = {}) {
    super(code, detail);
    this.isTransient = isTransient;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Whether and when to retry. Without `isTransient` a retry cannot succeed. */
interface RetryHint {
  readonly isTransient?: boolean;
  readonly retryAfterMs?: number | undefined;
}

/** An error that a provider or its package reported. */
interface ProviderError {
  readonly status: number | undefined;
  /** The provider's names for the error: type, code, status. */
  readonly names: string;
  readonly message: string;
}

// Patterns of the providers' error texts in HTTP responses and streams. They match numeric codes as whole words.
const TOO_LONG =
  /context[ _](length|window|size|limit)|(context|prompt|model|input) length|exceed_context|prompt (is )?too long|input is too long|input token count|exceeds max length|exceeds the maximum size|request_too_large|longer than the maximum|too large to process|overflows|\b1261\b/;
const FILTERED =
  /content[ _](policy|filter|management)|content violates|usage polic|data_?inspection|inappropriate content|content exists risk|unsafe or sensitive|敏感|safety_check|prohibited_content|\b1301\b/;
const OUT_OF_CREDIT =
  /insufficient[ _](quota|balance|credit)|credit balance|billing_error|arrear|used all available credits|spending limit|\b1113\b/;
const RATE_LIMIT = /rate[ _-]?limit|too[ _]many[ _]requests|resource_exhausted|throttl|\b130[235]\b/;
const REQUEST_ERROR =
  /authentication|unauthenticated|permission|invalid_api_key|invalid_request|bad_request|badrequest|invalid_argument|not_found|unsupported/;
/** Names of package errors whose message contains the entire response part that could not be parsed. */
const UNPARSABLE_RESPONSE = /JSONParse|TypeValidation|InvalidResponseData|EmptyResponseBody|Download/;
const CONFIGURATION_ERROR = /LoadAPIKey|LoadSetting|NoSuchModel|InvalidArgument|UnsupportedFunctionality|InvalidPrompt/;
/** 4xx statuses after which a retry may succeed. */
const TRANSIENT_STATUSES = [408, 409, 425, 499];
const MAX_CAUSES = 5;

/**
 * Returns the failure, with a public code, for an error that a package threw or streamed. The detail consists of the
 * status, the provider's names for the error and the redacted message; the failure keeps no reference to `error`.
 */
export function toModelFailure(error: unknown, redact: Redact): ModelFailure {
  const gatewayFailure = findGatewayFailure(error);
  if (gatewayFailure !== undefined) return new ModelFailure(gatewayFailure.code, redact(gatewayFailure.message));
  const { status, names, message } = parseError(error);
  const detail = redact([status, names, message].filter((part) => part !== undefined && part !== '').join(' '));
  const retryAfterMs = readRetryAfter(error);
  const words = `${names} ${message}`.toLowerCase();

  const isAccessStatus = status === 401 || status === 404 || status === 429;
  if (status === 413 || (!isAccessStatus && status !== 403 && TOO_LONG.test(words)))
    return new ModelFailure('CONTEXT_TOO_LONG', detail);
  if (!isAccessStatus && FILTERED.test(words)) return new ModelFailure('CONTENT_FILTERED', detail);
  if (status === 402 || OUT_OF_CREDIT.test(words)) return new ModelFailure('PROVIDER_RATE_LIMITED', detail);
  if (status === 429 || (status === undefined && RATE_LIMIT.test(words)))
    return new ModelFailure('PROVIDER_RATE_LIMITED', detail, { isTransient: true, retryAfterMs });
  if (isMisconfigured(error, status, words)) return new ModelFailure('PROVIDER_MISCONFIGURED', detail);
  return new ModelFailure('PROVIDER_UNAVAILABLE', detail, { isTransient: true, retryAfterMs });
}

function isMisconfigured(error: unknown, status: number | undefined, words: string): boolean {
  if (status !== undefined && status >= 300) return status < 500 && !TRANSIENT_STATUSES.includes(status);
  if (error instanceof Error && CONFIGURATION_ERROR.test(error.name)) return true;
  if (error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_URL') return true;
  return status === undefined && REQUEST_ERROR.test(words);
}

/** Finds a failure that the gateway threw, such as a refused address, among the causes of a package's error. */
function findGatewayFailure(error: unknown): AnswerFailure | undefined {
  let cause = error;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
    if (cause instanceof AnswerFailure) return cause;
    cause = cause.cause;
  }
  return undefined;
}

function parseError(error: unknown): ProviderError {
  if (typeof error === 'string') return { status: undefined, names: '', message: error };
  if (!isRecord(error)) return { status: undefined, names: '', message: 'no message' };
  if (APICallError.isInstance(error)) {
    const body = findError(error.data ?? parse(error.responseBody));
    const parsed = body && readRecord(body);
    return {
      status: error.statusCode ?? parsed?.status,
      names: parsed?.names ?? '',
      message: parsed?.message || error.message,
    };
  }
  if (error instanceof Error) {
    const message = UNPARSABLE_RESPONSE.test(error.name) ? 'The response cannot be parsed.' : error.message;
    return { status: undefined, names: error.name, message };
  }
  return readRecord(findError(error) ?? error);
}

/**
 * Finds the error object in a provider's body: in `error`, in the `error` of a `response`, in a list, or the body
 * itself.
 */
function findError(body: unknown): Record<string, unknown> | undefined {
  if (Array.isArray(body)) return findError(body[0]);
  if (!isRecord(body)) return undefined;
  if (isRecord(body.response)) return findError(body.response);
  if (isRecord(body.error)) return body.error;
  if (typeof body.error === 'string') return { ...body, message: body.error };
  return body;
}

function readRecord(record: Record<string, unknown>): ProviderError {
  const { type, code, status, statusCode, message } = record;
  const names = [type, code, status].filter((name) => typeof name === 'string' || typeof name === 'number');
  const numbers = [statusCode, code].map(Number);
  return {
    status: numbers.find((number) => number >= 400 && number < 600),
    names: names.join(' '),
    message: typeof message === 'string' ? message : '',
  };
}

/** Reads `retry-after-ms`, `Retry-After` in seconds or as a date, and the `retryDelay` in Google's details. */
function readRetryAfter(error: unknown): number | undefined {
  if (!APICallError.isInstance(error)) return undefined;
  const headers = error.responseHeaders ?? {};
  const ms = Number(headers['retry-after-ms'] || Number.NaN);
  if (ms >= 0) return ms;
  const after = headers['retry-after'];
  if (after !== undefined) {
    const seconds = Number(after || Number.NaN);
    const delay = Number.isNaN(seconds) ? Date.parse(after) - Date.now() : seconds * 1_000;
    return Number.isNaN(delay) ? undefined : Math.max(0, delay);
  }
  const details = findError(error.data ?? parse(error.responseBody))?.details;
  if (!Array.isArray(details)) return undefined;
  const delays = details.map((detail) => (isRecord(detail) ? detail.retryDelay : undefined));
  const seconds = delays.map((delay) => Number.parseFloat(String(delay))).find((delay) => delay >= 0);
  return seconds === undefined ? undefined : seconds * 1_000;
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
