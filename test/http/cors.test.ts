import { describe, expect, it, onTestFinished } from 'vitest';
import { startGateway } from '../helpers/gateway.ts';

async function startGatewayFor(origins: string) {
  const gateway = await startGateway({ env: { ALLOWED_ORIGINS: origins } });
  onTestFinished(() => gateway.close());
  return gateway;
}

const PATHS = ['/graphql', '/v1/chatbots', '/health', '/nowhere'];

describe.each(PATHS)('another origin at %s', (path) => {
  const preflight = (origin: string) => ({
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  });

  it.each(['https://shop.example', 'http://localhost:3000'])('%s may read when it is on the list', async (origin) => {
    const gateway = await startGatewayFor('https://shop.example, http://localhost:3000');
    const response = await gateway.fetch(path, preflight(origin));
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, POST');
    for (const header of ['authorization', 'content-type', 'x-api-key', 'last-event-id']) {
      expect(response.headers.get('access-control-allow-headers')).toContain(header);
    }
    const getResponse = await gateway.fetch(path, { headers: { origin } });
    expect(getResponse.headers.get('access-control-allow-origin')).toBe(origin);
    expect(getResponse.headers.get('access-control-expose-headers')).toContain('x-request-id');
    for (const { headers } of [response, getResponse]) {
      expect(headers.get('vary')?.toLowerCase()).toContain('origin');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
    }
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
    const gateway = await startGatewayFor('https://shop.example');
    for (const init of [preflight(origin), { headers: { origin } }]) {
      const { headers } = await gateway.fetch(path, init);
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('vary')?.toLowerCase()).toContain('origin');
    }
  });

  it('may not read without a list', async () => {
    const gateway = await startGatewayFor('');
    const { headers } = await gateway.fetch(path, { headers: { origin: 'https://shop.example' } });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('a response to a request without an origin', () => {
  it('allows no origin, and varies by origin', async () => {
    const gateway = await startGatewayFor('https://shop.example');
    const { headers } = await gateway.fetch('/health');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('vary')?.toLowerCase()).toContain('origin');
  });
});
