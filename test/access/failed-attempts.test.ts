import { expect, it, onTestFinished } from 'vitest';
import { generateKey } from '../../src/access/key-form.ts';
import { createTurnedClock } from '../helpers/clock.ts';
import { startGateway } from '../helpers/gateway.ts';
import { codesOf, openSocket } from '../helpers/sockets.ts';

/** A gateway that bears three failed attempts a minute, with a clock to turn. */
async function openGateway(env: Record<string, string> = {}) {
  const clock = createTurnedClock();
  // The clock of a Redis cannot be turned.
  const settings = { AUTH_FAILURES_PER_MINUTE: '3', REDIS_URL: '', ...env };
  const gateway = await startGateway({ env: settings, replaced: { clock } });
  onTestFinished(() => gateway.close());
  const fail = (key = generateKey()) => gateway.graphql('{viewer{kind}}', {}, key);
  return { ...gateway, fail, turn: clock.turn };
}

const TOO_MANY = { status: 429, errors: [{ message: 'Too many failed attempts.' }] };

it('answers 429 after three unknown keys from one address, to good keys too', async () => {
  const { fail, graphql } = await openGateway();
  for (let i = 0; i < 3; i++) expect((await fail()).status).toBe(401);
  const refused = await fail();
  expect(refused).toMatchObject(TOO_MANY);
  expect(codesOf(refused)).toEqual(['RATE_LIMITED']);
  expect(refused.errors?.[0]?.extensions.retryAfterMs).toBe(60_000);
  expect(refused.headers.get('retry-after')).toBe('60');
  expect(refused.headers.has('ratelimit')).toBe(false);
  expect(await graphql('{viewer{kind}}')).toMatchObject(TOO_MANY);
});

it('lets the address try again when a failure is 60 seconds old, and counts no refused attempt', async () => {
  const { fail, graphql, turn } = await openGateway();
  for (let i = 0; i < 3; i++) expect((await fail()).status).toBe(401);
  turn(59_999);
  for (let i = 0; i < 5; i++) expect((await fail()).status).toBe(429);
  turn(1);
  expect((await graphql('{viewer{kind}}')).status).toBe(200);
  for (let i = 0; i < 3; i++) expect((await fail()).status).toBe(401);
  expect((await fail()).status).toBe(429);
});

it('counts neither good keys nor malformed ones, and answers the malformed as before', async () => {
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
  await fail();
  expect((await fetch('/v1/chatbots', { headers: { authorization: `Bearer ${generateKey()}` } })).status).toBe(401);
  expect((await openSocket({ url }, { 'x-api-key': generateKey() }).closed).code).toBe(4401);
  expect((await fail()).status).toBe(429);
  const rest = await fetch('/v1/chatbots', { headers: { authorization: `Bearer ${key}` } });
  expect([rest.status, await rest.json()]).toEqual([429, { detail: 'Too many failed attempts.' }]);
});

it('believes nobody about the address who is no trusted proxy', async () => {
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
