import { createHmac } from 'node:crypto';
import { exportSPKI } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import type { TestGateway } from '../../helpers/gateway.ts';
import { createSigningKey, type FakeIssuer, settingsFor, startFakeIssuer } from '../../helpers/oidc/fake-issuer.ts';
import { ACCOUNT, askViewer, startSignInGateway } from '../../helpers/oidc/sign-in-gateway.ts';
import { openSocket } from '../../helpers/sockets.ts';

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

/** Replaces the header or claims of a token, and keeps its signature. */
function tamper(token: string, { header = {}, claims = {} }: { header?: object; claims?: object }): string {
  const [head = '', payload = '', signature = ''] = token.split('.');
  const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  return [encode({ ...decode(head), ...header }), encode({ ...decode(payload), ...claims }), signature].join('.');
}

let issuer: FakeIssuer;
let gateway: TestGateway;
beforeEach(async () => {
  issuer = await startFakeIssuer();
  gateway = await startSignInGateway(settingsFor(issuer, ACCOUNT));
});

describe('a token', () => {
  it('is accepted within 60 seconds of clock difference, in all signatures that only an issuer can make', async () => {
    const keys = await Promise.all(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'].map((alg) => createSigningKey(alg)));
    issuer.setKeys([issuer.key, ...keys]);
    for (const key of [issuer.key, ...keys]) {
      const { status, viewer } = await askViewer(gateway, await issuer.sign({}, { key }));
      expect([status, viewer?.kind], key.alg).toEqual([200, 'OAUTH']);
    }
    for (const claims of [{ nbf: secondsFromNow(50) }, { exp: secondsFromNow(-50) }, { aud: ['other', 'chatgraph'] }]) {
      expect((await askViewer(gateway, await issuer.sign(claims))).status).toBe(200);
    }
    for (const typ of ['JWT', 'at+jwt', 'application/at+jwt']) {
      expect((await askViewer(gateway, await issuer.sign({}, { header: { typ } }))).status).toBe(200);
    }
  });

  it('is refused with 401, without a reason, a log line or a member, unless it is valid', async () => {
    const valid = await issuer.sign();
    const stranger = await createSigningKey('ES256', issuer.key.kid);
    const publicPem = await exportSPKI(issuer.key.publicKey);
    const [, payload = ''] = valid.split('.');
    const hs256 = `${encode({ alg: 'HS256', kid: issuer.key.kid })}.${payload}`;
    const refused: Record<string, string> = {
      'signed with another key': await issuer.sign({}, { key: stranger }),
      'with an unknown key id': await issuer.sign({}, { key: await createSigningKey() }),
      'changed claims': tamper(valid, { claims: { sub: 'grace' } }),
      'a changed header': tamper(valid, { header: { typ: 'jwt' } }),
      'cut short': valid.slice(0, -10),
      'without a signature': valid.slice(0, valid.lastIndexOf('.') + 1),
      'with alg none': `${encode({ alg: 'none' })}.${payload}.`,
      'with alg None and a signature': tamper(valid, { header: { alg: 'None' } }),
      'HS256 with the public key': `${hs256}.${createHmac('sha256', publicPem).update(hs256).digest('base64url')}`,
      'of another audience': await issuer.sign({ aud: 'other' }),
      'without an audience': await issuer.sign({ aud: undefined }),
      'of another issuer': await issuer.sign({ iss: 'https://login.example.com' }),
      'of the issuer with a slash': await issuer.sign({ iss: `${issuer.issuer}/` }),
      'without an issuer': await issuer.sign({ iss: undefined }),
      'not yet valid': await issuer.sign({ nbf: secondsFromNow(120) }),
      'without an expiry': await issuer.sign({ exp: undefined }),
      'with a text as expiry': await issuer.sign({ exp: '9999999999' }),
      'without a subject': await issuer.sign({ sub: undefined }),
      'with an empty subject': await issuer.sign({ sub: '' }),
      'with a long subject': await issuer.sign({ sub: 'x'.repeat(256) }),
      'with NUL in the subject': await issuer.sign({ sub: 'a\0b' }),
      'with a number as subject': await issuer.sign({ sub: 5 }),
      'bound to a key of the client': await issuer.sign({ cnf: { jkt: 'x' } }),
      'for a logout': await issuer.sign({ events: {} }),
      'of another type': await issuer.sign({}, { header: { typ: 'logout+jwt' } }),
      'with an unknown critical header': tamper(valid, { header: { crit: ['x'], x: 1 } }),
      'with an embedded key': await issuer.sign({}, { key: stranger, header: { jwk: stranger.publicKey } }),
      'with an address for its key': await issuer.sign({}, { key: stranger, header: { jku: `${issuer.issuer}/x` } }),
      encrypted: [valid, 'x', 'y'].join('.'),
      'with claims that are no object': [valid.split('.')[0], encode(['x']), 'x'].join('.'),
      'far too long': await issuer.sign({ filler: 'x'.repeat(9_000) }),
    };
    for (const [reason, token] of Object.entries(refused)) {
      expect(await askViewer(gateway, token), reason).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
    }
    const socket = openSocket(gateway, { authorization: `Bearer ${refused['changed claims']}` });
    expect(await socket.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
    const rest = await gateway.fetch('/v1/chatbots', { headers: { 'x-api-key': refused['cut short'] ?? '' } });
    expect([rest.status, await rest.json()]).toEqual([401, { detail: 'Unauthorized' }]);
    const { data } = await gateway.graphql('{ viewer { account { members { totalCount } } } }');
    expect(data).toEqual({ viewer: { account: { members: { totalCount: 0 } } } });
    expect(gateway.logs.filter(({ level }) => Number(level) > 30)).toEqual([]);
    expect(JSON.stringify(gateway.logs)).not.toContain(payload);
  });

  it('receives SESSION_EXPIRED when it has expired, and its socket closes with 4403', async () => {
    const expired = await issuer.sign({ exp: secondsFromNow(-70) });
    expect(await askViewer(gateway, expired)).toEqual({ status: 401, code: 'SESSION_EXPIRED' });
    const refused = openSocket(gateway, { authorization: `Bearer ${expired}` });
    expect(await refused.closed).toEqual({ code: 4403, reason: 'Token expired' });

    // 60 seconds of clock difference are accepted, so this one ends in one to two seconds.
    const ending = await issuer.sign({ exp: secondsFromNow(-58) });
    const socket = openSocket(gateway, { authorization: `Bearer ${ending}` });
    await socket.connected;
    expect(await socket.closed).toEqual({ code: 4403, reason: 'Token expired' });
    expect(await askViewer(gateway, ending)).toEqual({ status: 401, code: 'SESSION_EXPIRED' });
  });

  it('counts towards the limit of failed attempts only if it is refused, and towards the rate limit of its member', async () => {
    const limited = await startSignInGateway({
      ...settingsFor(issuer, ACCOUNT),
      AUTH_FAILURES_PER_MINUTE: '2',
      RATE_LIMIT_PER_MINUTE: '3',
    });
    const [first, second, grace] = [
      await issuer.sign({ jti: '1' }),
      await issuer.sign({ jti: '2' }),
      await issuer.sign({ sub: 'grace' }),
    ];
    const forged = tamper(first, { claims: { sub: 'eve' } });
    const statusesOf = async (tokens: readonly string[]) => {
      const statuses: number[] = [];
      for (const token of tokens) statuses.push((await askViewer(limited, token)).status);
      return statuses;
    };
    expect(await statusesOf([forged, forged, forged])).toEqual([401, 401, 429]);
    expect(await statusesOf([first, second, first, second, grace])).toEqual([200, 200, 200, 429, 200]);
  });
});
