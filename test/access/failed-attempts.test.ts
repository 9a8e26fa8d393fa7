import { expect, it, onTestFinished } from 'vitest';
import { generateKey } from '../../src/domain/key-form.ts';
import { createManualClock } from '../helpers/clock.ts';
import { startGateway } from '../helpers/gateway.ts';
import { codesOf, openSocket } from '../helpers/sockets.ts';

/** A gateway that allows three failed attempts a minute, with a clock that the test moves. */
async function openGateway(env: Record<string, string> = {}) {
  const clock = createManualClock();
  // The test cannot move the clock of a Redis.
  const settings = { AUTH_FAILURES_PER_MINUTE: '3', REDIS_URL: '', ...env };
  const gateway = await startGateway({ env: settings, replaced: { clock } });
  onTestFinished(() => gateway.close());
  const fail = (key = generateKey()) => gateway.graphql('{viewer{kind}}', {}, key);
  return { ...gateway, fail, turn: clock.turn };
}

const FINAL = { code: 4401, reason: 'Unauthorized' };
const TOO_MANY = { status: 429, errors: [{ message: 'Too many failed attempts.' }] };

it('rejects the fourth unknown key from one address with 429, and still accepts valid keys from it', async () => {
  const { fail, graphql, createKey, accountId, url } = await openGateway();
  for (let i = 0; i < 3; i++) expect((await fail()).status).toBe(401);
  const refused = await fail();
  expect(refused).toMatchObject(TOO_MANY);
  expect(codesOf(refused)).toEqual(['RATE_LIMITED']);
  expect(refused.errors?.[0]?.extensions.retryAfterMs).toBe(60_000);
  expect(refused.headers.get('retry-after')).toBe('60');
  expect(refused.headers.has('ratelimit')).toBe(false);
  expect((await graphql('{viewer{kind}}')).status).toBe(200);
  // A valid key that this process has not seen before is accepted, also on a socket.
  const fresh = await createKey(accountId, ['READ']);
  expect((await graphql('{viewer{kind}}', {}, fresh)).status).toBe(200);
  const socket = openSocket({ url }, { 'x-api-key': fresh });
  expect(await socket.ask('{viewer{kind}}')).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
  socket.close();
});

it('allows attempts again 60 seconds after a failure, and does not count attempts rejected with 429', async () => {
  const { fail, turn } = await openGateway();
  for (let i = 0; i < 3; i++) expect((await fail()).status).toBe(401);
  turn(59_999);
  for (let i = 0; i < 5; i++) expect((await fail()).status).toBe(429);
  turn(1);
  for (let i = 0; i < 3; i++) expect((await fail()).status).toBe(401);
  expect((await fail()).status).toBe(429);
});

it('counts neither valid nor malformed keys, and still rejects malformed ones with 401', async () => {
  const { fail, graphql } = await openGateway();
  for (let i = 0; i < 10; i++) expect((await fail('ic_nonsense')).status).toBe(401);
  for (let i = 0; i < 10; i++) expect((await graphql('{viewer{kind}}')).status).toBe(200);
  for (let i = 0; i < 3; i++) await fail();
  expect((await fail('ic_nonsense')).status).toBe(401);
  expect((await graphql('{__typename}', {}, '')).status).toBe(401);
});

it('counts revoked keys', async () => {
  const { fail, graphql, createKey, accountId } = await openGateway();
  const key = await createKey(accountId, ['READ', 'MANAGE']);
  const { data } = await graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
  await graphql('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }', data.viewer.apiKey, key);
  for (let i = 0; i < 3; i++) expect((await fail(key)).status).toBe(401);
  expect((await fail(key)).status).toBe(429);
});

it('counts over HTTP, REST and WebSocket together', async () => {
  const { fail, fetch, url, key } = await openGateway();
  const askRest = (by: string) => fetch('/v1/chatbots', { headers: { authorization: `Bearer ${by}` } });
  await fail();
  expect((await askRest(generateKey())).status).toBe(401);
  expect(await openSocket({ url }, { 'x-api-key': generateKey() }).closed).toEqual(FINAL);
  expect((await fail()).status).toBe(429);
  const restResponse = await askRest(generateKey());
  expect([restResponse.status, await restResponse.json()]).toEqual([429, { detail: 'Too many failed attempts.' }]);
  expect(restResponse.headers.get('retry-after')).toBe('60');
  expect((await askRest(key)).status).toBe(200);
});

it('above the limit closes a socket with 1013 for an unknown key, and with 4401 for a malformed one', async () => {
  const { fail, url } = await openGateway();
  for (let i = 0; i < 3; i++) await fail();
  expect(await openSocket({ url }, { 'x-api-key': generateKey() }).closed).toEqual({
    code: 1013,
    reason: 'Too many failed attempts.',
  });
  expect(await openSocket({ url }, { 'x-api-key': 'ic_nonsense' }).closed).toEqual(FINAL);
});

it('above the limit rejects an operation on a socket with an error, and keeps the socket open', async () => {
  const { fail, url, key } = await openGateway();
  for (let i = 0; i < 3; i++) await fail();
  const socket = openSocket({ url });
  const refused = await socket.ask('{viewer{kind}}', {}, { 'x-api-key': generateKey() });
  expect(refused.errors).toMatchObject([
    { message: 'Too many failed attempts.', extensions: { retryAfterMs: 60_000 } },
  ]);
  expect(codesOf(refused)).toEqual(['RATE_LIMITED']);
  expect(await socket.ask('{viewer{kind}}', {}, { 'x-api-key': key })).toEqual({
    data: { viewer: { kind: 'API_KEY' } },
  });
  socket.close();
});

it('serves valid keys during a flood of unknown keys over many sockets', async () => {
  const { url, graphql, createTenant, deps } = await openGateway();
  const flood = Array.from({ length: 20 }, () => openSocket({ url }));
  await Promise.all(flood.map(({ connected }) => connected));
  const attempts = flood.flatMap((socket) =>
    Array.from({ length: 15 }, () => socket.ask('{viewer{kind}}', {}, { 'x-api-key': generateKey() })),
  );
  const tenants = await Promise.all(Array.from({ length: 5 }, () => createTenant()));
  for (const { key } of tenants) expect((await graphql('{viewer{kind}}', {}, key)).status).toBe(200);
  const codes = new Set((await Promise.all(attempts)).flatMap(codesOf));
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
  const open = await openGateway();
  for (let i = 0; i < 3; i++) await ask(open.url, `192.0.2.${i}`);
  expect((await ask(open.url, '192.0.2.9')).status).toBe(429);

  const behindProxy = await openGateway({ TRUSTED_PROXIES: 'loopback' });
  for (let i = 0; i < 3; i++) await ask(behindProxy.url, '192.0.2.1');
  expect((await ask(behindProxy.url, '192.0.2.1')).status).toBe(429);
  expect((await ask(behindProxy.url, '192.0.2.2')).status).toBe(401);
});

it('counts nothing with a limit of 0', async () => {
  const { fail } = await openGateway({ AUTH_FAILURES_PER_MINUTE: '0' });
  for (let i = 0; i < 10; i++) expect((await fail()).status).toBe(401);
});
