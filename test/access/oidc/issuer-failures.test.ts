import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../helpers/clock.ts';
import {
  createSigningKey,
  DISCOVERY_PATH,
  type FakeIssuer,
  KEYS_PATH,
  settingsFor,
  startFakeIssuer,
} from '../../helpers/oidc/fake-issuer.ts';
import { ACCOUNT, askViewer, startSignInGateway } from '../../helpers/oidc/sign-in-gateway.ts';
import { openSocket } from '../../helpers/sockets.ts';

const UNAVAILABLE = { status: 503, code: 'SERVICE_UNAVAILABLE' };

async function open() {
  const clock = createManualClock();
  const issuer = await startFakeIssuer(clock.now);
  const gateway = await startSignInGateway(settingsFor(issuer, ACCOUNT), { overrides: { clock } });
  return { clock, issuer, gateway };
}

const sendJson = (document: unknown) => (_request: unknown, response: ServerResponse) => {
  response.end(JSON.stringify(document));
};

/** Answers for which nobody can tell whether a token is valid. */
const FAILURES: Record<string, (issuer: FakeIssuer) => void> = {
  'closes the connection': (issuer) => issuer.answer(DISCOVERY_PATH, (request) => request.socket.destroy()),
  'answers with 500': (issuer) => issuer.answer(KEYS_PATH, (_request, response) => response.writeHead(500).end('x')),
  'answers with a page': (issuer) => issuer.answer(KEYS_PATH, (_request, response) => response.end('<html>')),
  redirects: (issuer) =>
    issuer.answer(KEYS_PATH, (_request, response) => response.writeHead(302, { location: KEYS_PATH }).end()),
  'names another issuer': (issuer) =>
    issuer.answer(DISCOVERY_PATH, sendJson({ issuer: 'https://evil.example', jwks_uri: `${issuer.issuer}/keys` })),
  'names no key set': (issuer) => issuer.answer(DISCOVERY_PATH, sendJson({ issuer: issuer.issuer })),
  'names a file as key set': (issuer) =>
    issuer.answer(DISCOVERY_PATH, sendJson({ issuer: issuer.issuer, jwks_uri: 'file:///etc/passwd' })),
  'has null as discovery document': (issuer) => issuer.answer(DISCOVERY_PATH, sendJson(null)),
  'has keys that are no list': (issuer) => issuer.answer(KEYS_PATH, sendJson({ keys: 'all' })),
  'has keys that are no objects': (issuer) => issuer.answer(KEYS_PATH, sendJson({ keys: [1] })),
  'has too many keys': (issuer) => issuer.answer(KEYS_PATH, sendJson({ keys: Array(101).fill({ kty: 'RSA' }) })),
};

describe('while the issuer fails', () => {
  it.each(Object.entries(FAILURES))('a token receives 503 if the issuer %s, until it works', async (_name, fail) => {
    const { clock, issuer, gateway } = await open();
    fail(issuer);
    const token = await issuer.sign();
    expect(await askViewer(gateway, token)).toEqual(UNAVAILABLE);
    expect(await askViewer(gateway, token)).toEqual(UNAVAILABLE);
    const socket = openSocket(gateway, { authorization: `Bearer ${token}` });
    expect(await socket.closed).toEqual({ code: 1013, reason: 'The issuer of the token cannot be reached.' });
    expect(issuer.readCount).toBeLessThanOrEqual(1);
    issuer.answer(DISCOVERY_PATH, undefined);
    issuer.answer(KEYS_PATH, undefined);
    clock.advance(5_000);
    expect((await askViewer(gateway, token)).status).toBe(200);
    const lines = gateway.logs.filter(({ issuer: name }) => name === issuer.issuer).map(({ msg }) => msg);
    expect(lines).toEqual(['cannot read the keys of the issuer', 'read the keys of the issuer again']);
  });

  it('reads no more than 256 kB of an endless key set', async () => {
    const { issuer, gateway } = await open();
    let sentBytes = 0;
    issuer.answer(KEYS_PATH, (_request, response) => {
      const piece = 'x'.repeat(65_536);
      const write = () => {
        while (!response.destroyed && sentBytes < 50_000_000) {
          sentBytes += piece.length;
          if (!response.write(piece)) return response.once('drain', write);
        }
        return response.end();
      };
      response.write('{"keys":[');
      write();
    });
    expect(await askViewer(gateway, await issuer.sign())).toEqual(UNAVAILABLE);
    expect(sentBytes).toBeLessThan(20_000_000);
  });

  it('waits at most five seconds for an issuer that hangs, once for all requests, and not for known keys', async () => {
    const { clock, issuer, gateway } = await open();
    const known = await issuer.sign();
    expect((await askViewer(gateway, known)).status).toBe(200);
    issuer.answer(KEYS_PATH, () => {});
    clock.advance(301_000);
    const next = await createSigningKey();
    const unknown = await issuer.sign({}, { key: next });
    const startedAt = performance.now();
    const waiting = [unknown, unknown, unknown].map((token) => askViewer(gateway, token));
    expect((await askViewer(gateway, await issuer.sign({ jti: 'new' }))).status).toBe(200);
    expect((await askViewer(gateway, known)).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(await Promise.all(waiting)).toEqual([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE]);
    expect(performance.now() - startedAt).toBeLessThan(9_000);
    expect(issuer.readCount).toBe(2);
  });

  it('asks the issuer at most five times in two minutes about unknown keys', async () => {
    const { clock, issuer, gateway } = await open();
    expect((await askViewer(gateway, await issuer.sign())).status).toBe(200);
    for (let n = 0; n < 12; n++) {
      const token = await issuer.sign({}, { key: await createSigningKey() });
      expect((await askViewer(gateway, token)).status).toBe(401);
    }
    expect(issuer.readCount).toBe(6);
    const next = await createSigningKey();
    issuer.setKeys([next]);
    expect((await askViewer(gateway, await issuer.sign({}, { key: next }))).status).toBe(401);
    clock.advance(120_000);
    expect((await askViewer(gateway, await issuer.sign({}, { key: next }))).status).toBe(200);
  });

  it('refuses a token as soon as the gateway knows that the issuer has removed its key', async () => {
    const { clock, issuer, gateway } = await open();
    const token = await issuer.sign({ exp: Math.floor(clock.now() / 1_000) + 10_000 });
    expect((await askViewer(gateway, token)).status).toBe(200);
    issuer.setKeys([await createSigningKey()]);
    // Without traffic for a quarter of an hour, the next request waits for the new keys.
    clock.advance(900_001);
    const other = await issuer.sign({ jti: 'other' });
    expect((await askViewer(gateway, other)).status).toBe(401);
    expect(await askViewer(gateway, token)).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
  });
});
