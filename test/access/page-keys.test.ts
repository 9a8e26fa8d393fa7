import { describe, expect, it, onTestFinished } from 'vitest';
import { createManualClock } from '../helpers/clock.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { openRawSocket } from '../helpers/raw-sockets.ts';

const ORIGIN = 'https://shop.example';
const HOUR_MS = 3_600_000;

async function openGateway() {
  const clock = createManualClock();
  const gateway = await startGateway({ env: { ALLOWED_ORIGINS: ORIGIN }, overrides: { clock } });
  onTestFinished(() => gateway.close());
  return { gateway, clock };
}

/** The warning in the response to a request with a key; null if there is none. */
async function warningOf(gateway: TestGateway, path: string, headers: Record<string, string>): Promise<string | null> {
  const init = path === '/graphql' ? { method: 'POST', body: '{"query":"{ __typename }"}' } : {};
  const response = await gateway.fetch(path, {
    ...init,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${gateway.key}`, ...headers },
  });
  expect(response.status).toBe(200);
  return response.headers.get('warning');
}

const loggedIn = ({ logs }: TestGateway) => logs.filter(({ msg }) => msg === 'a web page has sent an API key');

describe('an API key from a web page', () => {
  it.each(['/graphql', '/v1/chatbots'])('gets a warning at %s, which the page may read', async (path) => {
    const { gateway } = await openGateway();
    expect(await warningOf(gateway, path, { origin: ORIGIN })).toMatch(/^299 - ".*session token.*"$/);
    const response = await gateway.fetch(path, { headers: { origin: ORIGIN } });
    expect(response.headers.get('access-control-expose-headers')).toContain('Warning');
  });

  it('gets none from a server, and none on a page of the gateway itself', async () => {
    const { gateway } = await openGateway();
    expect(await warningOf(gateway, '/graphql', {})).toBeNull();
    expect(await warningOf(gateway, '/graphql', { origin: gateway.url })).toBeNull();
    expect(loggedIn(gateway)).toEqual([]);
  });

  it('is logged once a day for each key, over HTTP and WebSocket together', async () => {
    const { gateway, clock } = await openGateway();
    const other = await gateway.createTenant();
    const from = { origin: ORIGIN };
    const socket = openRawSocket(gateway, from);
    onTestFinished(() => socket.close());
    await socket.init({ authorization: `Bearer ${gateway.key}` });
    await warningOf(gateway, '/graphql', from);
    await warningOf({ ...gateway, key: other.key }, '/v1/chatbots', from);
    clock.advance(23 * HOUR_MS);
    await warningOf(gateway, '/graphql', from);
    expect(loggedIn(gateway)).toHaveLength(2);
    expect(loggedIn(gateway)[0]).toMatchObject({ origin: ORIGIN, apiKeyId: expect.any(String) });
    clock.advance(HOUR_MS);
    await warningOf(gateway, '/graphql', from);
    expect(loggedIn(gateway)).toHaveLength(3);
    expect(JSON.stringify(gateway.logs)).not.toContain(gateway.key);
  });
});
