import { expect, it } from 'vitest';
import { consumeOperation, consumeRateLimit } from '../../src/access/request-limits.ts';
import type { Viewer } from '../../src/access/viewer.ts';
import { createMemoryRateLimiter } from '../../src/coordination/rate-limiter.ts';
import { RateLimitedError } from '../../src/domain/errors.ts';
import { createManualClock } from '../helpers/clock.ts';

/** A viewer with a session of a chatbot whose owner allows all sessions three requests a minute. */
const viewer = {
  credentialId: 'session',
  limits: { perMinute: 3 },
  session: { chatbotId: 'chatbot' },
} as unknown as Viewer;

function createDeps() {
  return {
    limiter: createMemoryRateLimiter(createManualClock()),
    config: { rateLimitPerMinute: 10, anonymousRequestsPerMinute: 0, authFailuresPerMinute: 0 },
    metrics: { rateLimited: { inc: () => {} } },
  };
}

it('counts nothing for a session when the limit of all sessions of the chatbot refuses its requests', async () => {
  const deps = createDeps();
  expect(await consumeRateLimit(deps, viewer, 2)).toMatchObject({ remaining: 8 });
  await expect(consumeRateLimit(deps, viewer, 2)).rejects.toThrow(RateLimitedError);
  expect(await deps.limiter.peek('key:session', 10)).toMatchObject({ remaining: 8 });
  expect(await consumeRateLimit(deps, viewer)).toMatchObject({ remaining: 7 });
  expect(await consumeOperation(deps, viewer)).toMatchObject({ refusal: expect.any(RateLimitedError) });
  expect(await deps.limiter.peek('key:session', 10)).toMatchObject({ remaining: 7 });
});
