import { describe, expect, it } from 'vitest';
import { createRest } from '../../../src/dialects/rest/app.ts';
import type { GraphClient } from '../../../src/dialects/rest/graph-client.ts';
import { StorageUnavailableError } from '../../../src/domain/errors.ts';
import { openGateway } from './support.ts';

/** Lists the chatbots over a stub of GraphQL that throws `error`. Returns the response and the reported errors. */
async function listChatbotsWithError(error: Error) {
  const reported: unknown[] = [];
  const rest = createRest({ chatTimeoutMs: 1_000, onError: (cause, requestId) => reported.push([cause, requestId]) });
  const graph = { query: () => Promise.reject(error) } as Partial<GraphClient> as GraphClient;
  const response = await rest.fetch(new Request('http://localhost/v1/chatbots'), {
    authenticate: async () => ({ graph, accountId: '', countStream: () => {} }),
    requestId: 'r1',
    signal: new AbortController().signal,
  });
  return { status: response.status, body: await response.text(), reported };
}

describe('an error', () => {
  it('that is unexpected becomes a 500 without details, and is reported', async () => {
    const bug = new Error('secret');
    const { status, body, reported } = await listChatbotsWithError(bug);
    expect(status).toBe(500);
    expect(body).toBe('{"detail":"Internal Server Error"}');
    expect(reported).toEqual([[bug, 'r1']]);
  });

  it('of the storage becomes a 503, and its cause is reported', async () => {
    const cause = new Error('disk full');
    const { status, body, reported } = await listChatbotsWithError(new StorageUnavailableError({ cause }));
    expect(status).toBe(503);
    expect(body).toBe('{"detail":"Service unavailable."}');
    expect(reported).toEqual([[cause, 'r1']]);
  });

  it('is a problem document for clients that accept one', async () => {
    const { send } = await openGateway();
    for (const accept of ['application/problem+json', 'application/json, Application/Problem+JSON;q=0.5']) {
      const response = await send('/v1/chatbots/42', { headers: { Accept: accept } });
      expect(response.status).toBe(404);
      expect(response.headers.get('Content-Type')).toBe('application/problem+json');
      expect(await response.text()).toBe(
        '{"type":"about:blank","title":"Not Found","status":404,"detail":"Not Found"}',
      );
    }
  });

  it.each(['*/*', 'application/*', 'application/json', 'application/problem+json;q=0'])(
    'is plain JSON for clients that accept %s',
    async (accept) => {
      const { send } = await openGateway();
      const response = await send('/v1/chatbots/42', { headers: { Accept: accept } });
      expect(response.headers.get('Content-Type')).toBe('application/json');
      expect(await response.text()).toBe('{"detail":"Not Found"}');
    },
  );
});

describe('the rate limit', () => {
  it('rejects requests with 429, and reports when to retry', async () => {
    const { send } = await openGateway({ env: { RATE_LIMIT_PER_MINUTE: '2' } });
    // The setup used one of the two requests to create the chatbot.
    const last = await send('/v1/chatbots');
    expect(last.status).toBe(200);
    expect(last.headers.get('RateLimit-Policy')).toBe('"burst";q=2;w=60');
    expect(last.headers.get('RateLimit')).toBe('"burst";r=0;t=60');
    const refused = await send('/v1/chatbots');
    expect(refused.status).toBe(429);
    expect(await refused.text()).toBe('{"detail":"API rate limit exceeded. Max 2 requests per minute."}');
    expect(refused.headers.get('Content-Type')).toBe('application/json');
    expect(refused.headers.get('Retry-After')).toBe('60');
    expect(refused.headers.get('RateLimit')).toBe('"burst";r=0;t=60');
  });

  it('counts rejected requests, and is reported in their headers', async () => {
    const { send, chat } = await openGateway({ env: { RATE_LIMIT_PER_MINUTE: '4' } });
    expect((await chat({})).headers.get('RateLimit')).toBe('"burst";r=2;t=60');
    expect((await send('/v1/nothing')).headers.get('RateLimit')).toBe('"burst";r=1;t=60');
    expect((await send('/v1/chatbots', { method: 'PUT' })).headers.get('RateLimit')).toBe('"burst";r=0;t=60');
    // The limit is checked before any other error of a request.
    expect((await chat({})).status).toBe(429);
  });
});
