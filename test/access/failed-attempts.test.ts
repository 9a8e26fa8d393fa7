import { expect, it, onTestFinished } from 'vitest';
import { generateKey } from '../../src/domain/key-form.ts';
import { createManualClock } from '../helpers/clock.ts';
import { startGateway } from '../helpers/gateway.ts';
import { errorCodesOf, openSocket } from '../helpers/sockets.ts';

/** A gateway that allows three failed attempts a minute, with a clock that the test moves. */
async function openGateway(env: Record<string, string> = {}) {
  const clock = createManualClock();
  // The test cannot move the clock of a Redis.
  const settings = { AUTH_FAILURES_PER_MINUTE: '3', REDIS_URL: '', ...env };
  const gateway = await startGateway({ env: settings, overrides: { clock } });
  onTestFinished(() => gateway.close());
  const tryKey = (key = generateKey()) => gateway.graphql('{viewer{kind}}', {}, key);
  return { ...gateway, tryKey, advance: clock.advance };
}

const CLOSED_UNAUTHORIZED = { code: 4401, reason: 'Unauthorized' };
const TOO_MANY = { status: 429, errors: [{ message: 'Too many failed attempts.' }] };

it('rejects the fourth unknown key from one address with 429, and still accepts valid keys from it', async () => {
  const { tryKey, graphql, createKey, accountId, url } = await openGateway();
  for (let i = 0; i < 3; i++) expect((await tryKey()).status).toBe(401);
  const rejected = await tryKey();
  expect(rejected).toMatchObject(TOO_MANY);
  expect(errorCodesOf(rejected)).toEqual(['RATE_LIMITED']);
  expect(rejected.errors?.[0]?.extensions.retryAfterMs).toBe(60_000);
  expect(rejected.headers.get('retry-after')).toBe('60');
  expect(rejected.headers.has('ratelimit')).toBe(false);
  expect((await graphql('{viewer{kind}}')).status).toBe(200);
  // A valid key that this process has not seen before is accepted, also on a socket.
  const unseenKey = await createKey(accountId, ['READ']);
  expect((await graphql('{viewer{kind}}', {}, unseenKey)).status).toBe(200);
  const socket = openSocket({ url }, { 'x-api-key': unseenKey });
  expect(await socket.execute('{viewer{kind}}')).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
  socket.close();
});

it('allows attempts again 60 seconds after a failure, and does not count attempts rejected with 429', async () => {
  const { tryKey, advance } = await openGateway();
  for (let i = 0; i < 3; i++) expect((await tryKey()).status).toBe(401);
  advance(59_999);
  for (let i = 0; i < 5; i++) expect((await tryKey()).status).toBe(429);
  advance(1);
  for (let i = 0; i < 3; i++) expect((await tryKey()).status).toBe(401);
  expect((await tryKey()).status).toBe(429);
});

it('counts neither valid nor malformed keys, and still rejects malformed ones with 401', async () => {
  const { tryKey, graphql } = await openGateway();
  for (let i = 0; i < 10; i++) expect((await tryKey('ic_nonsense')).status).toBe(401);
  for (let i = 0; i < 10; i++) expect((await graphql('{viewer{kind}}')).status).toBe(200);
  for (let i = 0; i < 3; i++) await tryKey();
  expect((await tryKey('ic_nonsense')).status).toBe(401);
  expect((await graphql('{__typename}', {}, '')).status).toBe(401);
});

it('counts revoked keys', async () => {
  const { tryKey, graphql, createKey, accountId } = await openGateway();
  const key = await createKey(accountId, ['READ', 'MANAGE']);
  const { data } = await graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
  await graphql('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }', data.viewer.apiKey, key);
  for (let i = 0; i < 3; i++) expect((await tryKey(key)).status).toBe(401);
  expect((await tryKey(key)).status).toBe(429);
});

it('counts attempts over GraphQL, REST and WebSocket together', async () => {
  const { tryKey, fetch, url, key } = await openGateway();
  const askRest = (by: string) => fetch('/v1/chatbots', { headers: { authorization: `Bearer ${by}` } });
  await tryKey();
  expect((await askRest(generateKey())).status).toBe(401);
  expect(await openSocket({ url }, { 'x-api-key': generateKey() }).closed).toEqual(CLOSED_UNAUTHORIZED);
  expect((await tryKey()).status).toBe(429);
  const restResponse = await askRest(generateKey());
  expect([restResponse.status, await restResponse.json()]).toEqual([429, { detail: 'Too many failed attempts.' }]);
  expect(restResponse.headers.get('retry-after')).toBe('60');
  expect((await askRest(key)).status).toBe(200);
});

it('closes a socket above the limit with 1013 for an unknown key, and with 4401 for a malformed key', async () => {
  const { tryKey, url } = await openGateway();
  for (let i = 0; i < 3; i++) await tryKey();
  expect(await openSocket({ url }, { 'x-api-key': generateKey() }).closed).toEqual({
    code: 1013,
    reason: 'Too many failed attempts.',
  });
  expect(await openSocket({ url }, { 'x-api-key': 'ic_nonsense' }).closed).toEqual(CLOSED_UNAUTHORIZED);
});

it('rejects an operation above the limit with an error, and keeps its socket open', async () => {
  const { tryKey, url, key } = await openGateway();
  for (let i = 0; i < 3; i++) await tryKey();
  const socket = openSocket({ url });
  const rejected = await socket.execute('{viewer{kind}}', {}, { 'x-api-key': generateKey() });
  expect(rejected.errors).toMatchObject([
    { message: 'Too many failed attempts.', extensions: { retryAfterMs: 60_000 } },
  ]);
  expect(errorCodesOf(rejected)).toEqual(['RATE_LIMITED']);
  expect(await socket.execute('{viewer{kind}}', {}, { 'x-api-key': key })).toEqual({
    data: { viewer: { kind: 'API_KEY' } },
  });
  socket.close();
});

it('serves valid keys during a flood of unknown keys over many sockets', async () => {
  const { url, graphql, createTenant, deps } = await openGateway();
  const flood = Array.from({ length: 20 }, () => openSocket({ url }));
  await Promise.all(flood.map(({ connected }) => connected));
  const attempts = flood.flatMap((socket) =>
    Array.from({ length: 15 }, () => socket.execute('{viewer{kind}}', {}, { 'x-api-key': generateKey() })),
  );
  const tenants = await Promise.all(Array.from({ length: 5 }, () => createTenant()));
  for (const { key } of tenants) expect((await graphql('{viewer{kind}}', {}, key)).status).toBe(200);
  const codes = new Set((await Promise.all(attempts)).flatMap(errorCodesOf));
  expect([...codes].toSorted()).toEqual(['RATE_LIMITED', 'UNAUTHENTICATED']);
  expect(await deps.db.isReady()).toBe(true);
  for (const socket of flood) socket.close();
});

it('trusts forwarding headers from trusted proxies only', async () => {
  const ask = (url: string, address: string) =>
    fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': generateKey(), 'x-forwarded-for': address },
      body: '{"query":"{__typename}"}',
    });
  const withoutProxy = await openGateway();
  for (let i = 0; i < 3; i++) await ask(withoutProxy.url, `192.0.2.${i}`);
  expect((await ask(withoutProxy.url, '192.0.2.9')).status).toBe(429);

  const behindProxy = await openGateway({ TRUSTED_PROXIES: 'loopback' });
  for (let i = 0; i < 3; i++) await ask(behindProxy.url, '192.0.2.1');
  expect((await ask(behindProxy.url, '192.0.2.1')).status).toBe(429);
  expect((await ask(behindProxy.url, '192.0.2.2')).status).toBe(401);
});

it('counts nothing with a limit of 0', async () => {
  const { tryKey } = await openGateway({ AUTH_FAILURES_PER_MINUTE: '0' });
  for (let i = 0; i < 10; i++) expect((await tryKey()).status).toBe(401);
});
