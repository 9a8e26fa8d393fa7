import {
  APICallError,
  InvalidResponseDataError,
  JSONParseError,
  LoadAPIKeyError,
  TypeValidationError,
} from '@ai-sdk/provider';
import { describe, expect, it } from 'vitest';
import { AnswerFailure, type FailureCode } from '../../src/domain/failures.ts';
import { toModelFailure } from '../../src/models/failure.ts';
import { createRedact } from '../../src/models/redact.ts';
import { findSecrets, KEY } from './support.ts';

const redact = createRedact([KEY]);

/** Creates the error that a provider's package throws for an error response. */
function createApiError(
  statusCode: number | undefined,
  responseBody = '',
  responseHeaders: Record<string, string> = {},
) {
  return new APICallError({
    ...{ message: 'Refused', url: `https://models.example/v1?key=${KEY}`, responseBody, responseHeaders },
    requestBodyValues: { prompt: `What is the capital of France? ${KEY}` },
    ...(statusCode !== undefined && { statusCode }),
  });
}

describe('toModelFailure', () => {
  it.each([
    [400, 'PROVIDER_MISCONFIGURED', false],
    [401, 'PROVIDER_MISCONFIGURED', false],
    [402, 'PROVIDER_RATE_LIMITED', false],
    [403, 'PROVIDER_MISCONFIGURED', false],
    [404, 'PROVIDER_MISCONFIGURED', false],
    [405, 'PROVIDER_MISCONFIGURED', false],
    [408, 'PROVIDER_UNAVAILABLE', true],
    [409, 'PROVIDER_UNAVAILABLE', true],
    [413, 'CONTEXT_TOO_LONG', false],
    [422, 'PROVIDER_MISCONFIGURED', false],
    [429, 'PROVIDER_RATE_LIMITED', true],
    [302, 'PROVIDER_MISCONFIGURED', false],
    [500, 'PROVIDER_UNAVAILABLE', true],
    [502, 'PROVIDER_UNAVAILABLE', true],
    [529, 'PROVIDER_UNAVAILABLE', true],
    [200, 'PROVIDER_UNAVAILABLE', true],
    [undefined, 'PROVIDER_UNAVAILABLE', true],
  ] as const)('maps status %s to %s', (status, code, isTransient) => {
    expect(toModelFailure(createApiError(status), redact)).toMatchObject({ code, isTransient });
  });

  it.each<[code: FailureCode, isTransient: boolean, error: unknown]>([
    ['PROVIDER_RATE_LIMITED', false, { message: 'No money.', type: 'insufficient_quota', code: 'insufficient_quota' }],
    ['PROVIDER_RATE_LIMITED', true, { message: 'Slow down.', type: 'rate_limit_error' }],
    ['PROVIDER_RATE_LIMITED', true, { error: { code: 429, message: 'Quota', status: 'RESOURCE_EXHAUSTED' } }],
    ['PROVIDER_UNAVAILABLE', true, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }],
    [
      'PROVIDER_UNAVAILABLE',
      true,
      { type: 'response.failed', response: { error: { code: 'server_error', message: '' } } },
    ],
    ['CONTEXT_TOO_LONG', false, { type: 'response.failed', response: { error: { code: 'context_length_exceeded' } } }],
    ['CONTENT_FILTERED', false, { error: { code: 'content_filter', message: 'Filtered.' } }],
    ['PROVIDER_MISCONFIGURED', false, { message: 'Bad key.', type: 'authentication_error' }],
    ['PROVIDER_MISCONFIGURED', false, new LoadAPIKeyError({ message: 'missing' })],
    ['PROVIDER_MISCONFIGURED', false, Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL' })],
    ['PROVIDER_UNAVAILABLE', true, new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })],
    ['PROVIDER_UNAVAILABLE', true, 'something'],
    ['PROVIDER_UNAVAILABLE', true, null],
    ['PROVIDER_UNAVAILABLE', true, [{ error: 'odd' }]],
  ])('recognizes %s, and whether it is transient, in every error format', (code, isTransient, error) => {
    expect(toModelFailure(error, redact)).toMatchObject({ code, isTransient });
  });

  it.each([
    "This model's maximum context length is 8192 tokens.",
    'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000',
    'The decoder prompt (length 9000) is longer than the maximum model length of 8192.',
    'the request exceeds the available context size',
    'prompt too long; exceeded max context length by 4 tokens',
  ])('recognizes a prompt that is too long by its message: %s', (message) => {
    for (const status of [400, 422, 500]) {
      expect(toModelFailure(createApiError(status, JSON.stringify({ error: { message } })), redact).code).toBe(
        'CONTEXT_TOO_LONG',
      );
    }
  });

  it('does not mistake a limit of tokens per minute for a prompt that is too long', () => {
    const message = 'Request too large: Limit 10000 tokens per min, Requested 12000. Reduce the prompt length.';
    const body = JSON.stringify({ error: { message, code: 'rate_limit_exceeded' } });
    expect(toModelFailure(createApiError(429, body), redact).code).toBe('PROVIDER_RATE_LIMITED');
  });

  it.each([
    [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
    [{ 'retry-after': '3' }, 3_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after-ms': '', 'retry-after': '' }, undefined],
    [{}, undefined],
  ])('reads Retry-After from %o', (headers, retryAfterMs) => {
    expect(toModelFailure(createApiError(429, '', headers as Record<string, string>), redact).retryAfterMs).toBe(
      retryAfterMs,
    );
  });

  it('reads Retry-After from a date, and from the details of an error', () => {
    const at = new Date(Date.now() + 5_000).toUTCString();
    const { retryAfterMs = 0 } = toModelFailure(createApiError(503, '', { 'retry-after': at }), redact);
    expect(retryAfterMs).toBeGreaterThan(3_000);
    expect(retryAfterMs).toBeLessThanOrEqual(5_000);
    const details = [{ '@type': 'ErrorInfo' }, { '@type': 'RetryInfo', retryDelay: '1.5s' }];
    const body = JSON.stringify([{ error: { code: 429, message: 'Quota', status: 'RESOURCE_EXHAUSTED', details } }]);
    expect(toModelFailure(createApiError(429, body), redact).retryAfterMs).toBe(1_500);
  });

  it("contains the provider's message, but not the question, the URL or the key", () => {
    const body = JSON.stringify({ error: { type: 'invalid_request_error', message: `The key ${KEY} is wrong.` } });
    const failure = toModelFailure(createApiError(401, body), redact);
    expect(failure.message).toBe('401 invalid_request_error The key [redacted] is wrong.');
    expect(failure.cause).toBeUndefined();
    expect(findSecrets(failure)).toEqual([]);
  });

  it('does not contain the text of a response that cannot be parsed', () => {
    const text = 'What is the capital';
    for (const error of [
      new JSONParseError({ text, cause: new SyntaxError(text) }),
      new TypeValidationError({ value: { text }, cause: new Error(text) }),
      new InvalidResponseDataError({ data: text, message: text }),
    ]) {
      const failure = toModelFailure(error, redact);
      expect(failure).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', isTransient: true });
      expect(findSecrets(failure)).toEqual([]);
    }
  });

  it('unwraps a failure of the gateway that a package has wrapped', () => {
    const failure = new AnswerFailure('PROVIDER_MISCONFIGURED', 'The address may not be reached.');
    const wrapped = new TypeError('fetch failed', { cause: new Error('connect', { cause: failure }) });
    expect(toModelFailure(wrapped, redact)).toMatchObject({
      code: failure.code,
      message: failure.message,
      isTransient: false,
    });
  });
});
