import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../../src/config.ts';
import { findGraphiqlLink } from '../../../src/http/graphiql/session.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const secretOf = ({ deps }: Pick<TestGateway, 'deps'>) => deps.keyring.sessions.graphiqlSecret.text;

/** An IPv4 address of this machine that is not loopback; undefined if it has none. */
const externalAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

/** Exchanges a secret. Unlike `fetch`, this can send any headers, including `Host`. */
async function exchange(
  { url }: Pick<TestGateway, 'url'>,
  secret: string,
  headers: Record<string, string> = {},
  { method = 'POST', address = '127.0.0.1' } = {},
) {
  const { port, host } = new URL(url);
  const clientRequest = request({
    host: address,
    port,
    method,
    path: '/graphql/session',
    headers: { host, authorization: `Bearer ${secret}`, ...headers },
  });
  clientRequest.end();
  const [response] = (await once(clientRequest, 'response')) as [IncomingMessage];
  const text = Buffer.concat(await response.toArray()).toString();
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(text) as Record<string, string> };
}

const REFUSED = { status: 404, body: { detail: 'Not Found' } };

describe("the exchange of the secret in GraphiQL's link", () => {
  it('returns a token with which GraphiQL may do what a key of the first account may do', async () => {
    const { status, headers, body } = await exchange(gateway, secretOf(gateway));
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    const query = '{ viewer { kind scopes account { id apiKeys { name } } } }';
    const { data } = await gateway.graphql<{ viewer: { account: { id: string } } }>(query, {}, body.token);
    expect(data.viewer).toMatchObject({ kind: 'API_KEY', scopes: ['READ', 'CHAT', 'MANAGE'] });
    const accounts = await gateway.deps.db.read
      .selectFrom('accounts')
      .select('id')
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    expect(data.viewer.account.id).toBe(accounts[0]?.id);
    // Neither the secret nor the token is stored or logged.
    const logged = JSON.stringify(gateway.logs);
    for (const text of [secretOf(gateway), body.token ?? '']) expect(logged).not.toContain(text.slice(0, 12));
    expect(JSON.stringify(data.viewer)).not.toContain('GraphiQL');
  });

  it.each<[string, () => string, Record<string, string>]>([
    ['another secret', () => 'x'.repeat(32), {}],
    ['the secret of the chat page', () => gateway.deps.keyring.sessions.chatSecret.text, {}],
    ['an API key', () => gateway.key, {}],
    ['no secret', () => '', {}],
    ['a proxy on this machine', () => secretOf(gateway), { 'x-forwarded-for': '127.0.0.1' }],
    ['another proxy on this machine', () => secretOf(gateway), { forwarded: 'for=192.0.2.1' }],
    ['a name that resolves to this machine', () => secretOf(gateway), { host: 'rebound.example' }],
  ])('is refused to a request with %s, without a reason', async (_case, createSecret, headers) => {
    expect(await exchange(gateway, createSecret(), headers)).toMatchObject(REFUSED);
  });

  it('needs POST', async () => {
    const { status, headers } = await exchange(gateway, secretOf(gateway), {}, { method: 'GET' });
    expect([status, headers.allow]).toEqual([405, 'POST']);
  });

  it('is refused by a gateway that listens to other machines, to these and to its own', async () => {
    const open = await startGateway({ env: { HOST: '0.0.0.0' } });
    onTestFinished(() => open.close());
    for (const address of ['127.0.0.1', ...(externalAddress ? [externalAddress] : [])]) {
      expect(await exchange(open, secretOf(open), {}, { address })).toMatchObject(REFUSED);
    }
  });
});

describe("GraphiQL's link", () => {
  const linkWith = (env: Record<string, string>) =>
    findGraphiqlLink({ config: readConfig(env), keyring: gateway.deps.keyring });

  it.each([{}, { HOST: 'localhost' }, { HOST: '::1' }, { TRUSTED_PROXIES: '10.0.0.0/8' }])(
    'is printed with %o',
    (env) => {
      expect(linkWith(env)).toBe(`/graphql#${secretOf(gateway)}`);
    },
  );

  it.each([
    { NODE_ENV: 'production' },
    { GRAPHIQL: 'false' },
    { HOST: '0.0.0.0' },
    { HOST: '::' },
    { HOST: '10.0.0.7' },
    { TRUSTED_PROXIES: 'loopback' },
  ])('is not printed with %o', (env) => {
    expect(linkWith(env)).toBeUndefined();
  });
});
