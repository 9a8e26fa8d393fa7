import { describe, expect, it } from 'vitest';
import type { TestGateway } from '../helpers/gateway.ts';
import { openSharedGateway } from '../helpers/shared-gateway.ts';

const ORIGIN = 'https://shop.example';
const ID = '01890000-0000-7000-8000-000000000000';

const openGatewayFor = (origins: string) => openSharedGateway({ env: { ALLOWED_ORIGINS: origins } });

interface Preflight {
  readonly origin?: string;
  readonly method?: string;
  readonly requestHeaders?: string;
}

function sendPreflight(
  gateway: TestGateway,
  path: string,
  { origin = ORIGIN, method = 'POST', requestHeaders = 'authorization,content-type' }: Preflight = {},
): Promise<Response> {
  return gateway.fetch(path, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      ...(requestHeaders !== '' && { 'access-control-request-headers': requestHeaders }),
    },
  });
}

const listOf = (response: Response, header: string) =>
  (response.headers.get(header) ?? '').split(',').map((item) => item.trim().toLowerCase());

describe.each(['/graphql', '/v1/chatbots', '/health', '/nowhere'])('another origin at %s', (path) => {
  it.each([ORIGIN, 'http://localhost:3000'])('%s may read when it is on the list', async (origin) => {
    const gateway = await openGatewayFor('https://shop.example, http://localhost:3000');
    const preflight = await sendPreflight(gateway, path, { origin });
    const response = await gateway.fetch(path, { headers: { origin } });
    expect(preflight.status).toBe(204);
    for (const { headers } of [preflight, response]) {
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('access-control-allow-credentials')).toBeNull();
    }
    expect(listOf(response, 'access-control-expose-headers')).toEqual(
      expect.arrayContaining(['idempotency-replayed', 'ratelimit', 'ratelimit-policy', 'retry-after', 'x-request-id']),
    );
    expect(listOf(response, 'vary')).toContain('origin');
    expect(listOf(preflight, 'vary')).toEqual([
      'origin',
      'access-control-request-method',
      'access-control-request-headers',
    ]);
  });

  it.each([
    'https://evil.example',
    'https://shop.example.evil',
    'https://sub.shop.example',
    'http://shop.example',
    'https://shop.example:8443',
    'HTTPS://SHOP.EXAMPLE',
    'null',
  ])('%s may not read if it is not on the list', async (origin) => {
    const gateway = await openGatewayFor(ORIGIN);
    const preflight = await sendPreflight(gateway, path, { origin });
    const response = await gateway.fetch(path, { headers: { origin } });
    for (const { headers } of [preflight, response]) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect(headers.get('vary')?.toLowerCase()).toContain('origin');
    }
  });

  it('may not read without a list', async () => {
    const gateway = await openGatewayFor('');
    const { headers } = await gateway.fetch(path, { headers: { origin: ORIGIN } });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('a preflight', () => {
  it.each([
    ['/graphql', 'GET, POST, PUT, DELETE'],
    ['/graphql/schema.graphql', 'GET, HEAD'],
    ['/graphql/session', 'POST'],
    ['/v1/openapi.json', 'GET, HEAD'],
    ['/v1/chatbots', 'GET, HEAD'],
    ['/api/v1/chatbots/', 'GET, HEAD'],
    [`/v1/chatbots/${ID}/chat`, 'POST'],
    [`/v1/conversations/${ID}/events`, 'GET, HEAD'],
    ['/v1/webhooks', 'GET, HEAD, POST'],
    [`/v1/webhooks/${ID}`, 'GET, HEAD, PATCH, DELETE'],
    [`/v1/webhooks/${ID}/test`, 'POST'],
    [`/v1/webhooks/${ID}/deliveries`, 'GET, HEAD'],
    ['/chat/demo', 'GET, HEAD'],
    ['/chat/demo/session', 'POST'],
    ['/docs', 'GET, HEAD'],
    ['/ready', 'GET, HEAD'],
    ['/', 'GET, HEAD'],
  ])('of %s allows %s, whatever it asks for', async (path, methods) => {
    const gateway = await openGatewayFor(ORIGIN);
    for (const method of ['GET', 'PATCH']) {
      const response = await sendPreflight(gateway, path, { method });
      expect(response.status).toBe(204);
      expect(response.headers.get('access-control-allow-methods')).toBe(methods);
    }
  });

  it.each(['/nowhere', '/v1/nowhere', '/chat', '/docs/more', '/graphql/nowhere', '/assets/nowhere/page.js'])(
    'of %s passes, so that the page can read the 404',
    async (path) => {
      const gateway = await openGatewayFor(ORIGIN);
      const preflight = await sendPreflight(gateway, path, { method: 'DELETE' });
      expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, 'DELETE']);
      const response = await gateway.fetch(path, {
        method: 'DELETE',
        headers: { origin: ORIGIN, authorization: `Bearer ${gateway.key}` },
      });
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([404, ORIGIN]);
    },
  );

  it.each([
    'apollographql-client-name,apollographql-client-version,apollo-require-preflight,x-apollo-operation-name',
    'baggage,sentry-trace,traceparent,tracestate',
    'authorization,content-type,idempotency-key,last-event-id,x-api-key,x-graphql-event-stream-token,x-request-id',
    'x-a-header-of-tomorrow',
  ])('allows the request headers %s', async (requestHeaders) => {
    const gateway = await openGatewayFor(ORIGIN);
    const response = await sendPreflight(gateway, '/graphql', { requestHeaders });
    expect(response.headers.get('access-control-allow-headers')).toBe(requestHeaders);
    expect(response.headers.get('access-control-max-age')).toBe('86400');
  });

  it('allows no request headers that it does not name', async () => {
    const gateway = await openGatewayFor(ORIGIN);
    const response = await sendPreflight(gateway, '/graphql', { requestHeaders: '' });
    expect(response.headers.get('access-control-allow-headers')).toBeNull();
  });
});

describe('caches', () => {
  it.each([
    ['/health', '', 'origin'],
    ['/graphql', 'text/html', 'origin, accept, accept-encoding'],
    ['/v1/openapi.json', '*/*', 'origin, accept-encoding'],
  ])('distinguish the responses of %s to origins', async (path, accept, vary) => {
    const gateway = await openGatewayFor(ORIGIN);
    const { headers } = await gateway.fetch(path, { headers: { accept } });
    expect(headers.get('vary')?.toLowerCase()).toBe(vary);
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});
