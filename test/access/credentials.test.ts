import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../../src/domain/key-form.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { errorCodesOf, type OperationResult, openSocket } from '../helpers/sockets.ts';

const UNAUTHORIZED = { errors: [{ message: 'Unauthorized', extensions: { code: 'UNAUTHENTICATED' } }] };

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ env: { AUTH_FAILURES_PER_MINUTE: '0' } });
});
afterAll(() => gateway.close());

describe('an HTTP request', () => {
  async function ask(headers: Record<string, string>, path = '/graphql', query = '{viewer{kind}}') {
    const response = await gateway.fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query }),
    });
    return { status: response.status, body: (await response.json()) as OperationResult };
  }

  it.each<[string, (key: string) => Record<string, string>]>([
    ['Authorization: Bearer', (key) => ({ authorization: `Bearer ${key}` })],
    ['a scheme in lower case', (key) => ({ authorization: `bearer ${key}` })],
    ['a scheme in upper case', (key) => ({ authorization: `BEARER ${key}` })],
    ['several spaces', (key) => ({ authorization: `Bearer   ${key} ` })],
    ['X-API-Key', (key) => ({ 'x-api-key': key })],
    ['X-API-Key and an empty Authorization', (key) => ({ authorization: '', 'x-api-key': key })],
    ['a valid Authorization, whatever X-API-Key says', (key) => ({ authorization: `Bearer ${key}`, 'x-api-key': 'x' })],
  ])('is authenticated by %s', async (_name, headers) => {
    expect(await ask(headers(gateway.key))).toEqual({ status: 200, body: { data: { viewer: { kind: 'API_KEY' } } } });
  });

  it.each<[string, (key: string) => Record<string, string>]>([
    ['another scheme', (key) => ({ authorization: `Basic ${key}` })],
    ['no scheme', (key) => ({ authorization: key })],
    ['two keys', (key) => ({ authorization: `Bearer ${key} ${key}` })],
    ['an invalid Authorization beside a valid X-API-Key', (key) => ({ authorization: 'Bearer x', 'x-api-key': key })],
    ['a key in quotes', (key) => ({ 'x-api-key': `"${key}"` })],
    ['a key in another case', (key) => ({ 'x-api-key': key.toUpperCase() })],
    ['a key cut short', (key) => ({ 'x-api-key': key.slice(0, -1) })],
    ['a well-formed key that was never issued', () => ({ 'x-api-key': generateKey() })],
  ])('is rejected with 401 for %s, whatever the query', async (_name, headers) => {
    expect(await ask(headers(gateway.key))).toEqual({ status: 401, body: UNAUTHORIZED });
    expect(await ask(headers(gateway.key), '/graphql', '{__typename}')).toEqual({ status: 401, body: UNAUTHORIZED });
  });

  it('is not authenticated by a key in the URL', async () => {
    const { key } = gateway;
    for (const name of ['api_key', 'x-api-key', 'authorization', 'access_token', 'key']) {
      expect(await ask({}, `/graphql?${name}=${key}`)).toEqual({ status: 401, body: UNAUTHORIZED });
    }
  });
});

describe('a WebSocket', () => {
  it.each<[string, (key: string) => Record<string, unknown>]>([
    ['authorization', (key) => ({ authorization: `Bearer ${key}` })],
    ['Authorization, in any case', (key) => ({ AUTHORIZATION: `bearer ${key}` })],
    ['x-api-key', (key) => ({ 'x-api-key': key })],
    ['headers', (key) => ({ headers: { Authorization: `Bearer ${key}` } })],
  ])('is authenticated by %s in its connectionParams', async (_name, params) => {
    const socket = openSocket(gateway, params(gateway.key));
    expect(await socket.execute('{viewer{kind}}')).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
    socket.close();
  });

  it.each<[string, Record<string, unknown>]>([
    ['a malformed key', { authorization: 'Bearer ic_nonsense' }],
    ['another scheme', { authorization: 'Basic x' }],
    ['a key that was never issued', { 'x-api-key': generateKey() }],
    ['an invalid key in headers', { headers: { 'x-api-key': 'x' } }],
  ])('is closed with 4401 for %s', async (_name, params) => {
    expect(await openSocket(gateway, params).closed).toEqual({ code: 4401, reason: 'Unauthorized' });
  });

  it('is acknowledged without a credential, and each operation can carry its own', async () => {
    const socket = openSocket(gateway);
    await socket.connected;
    expect(errorCodesOf(await socket.execute('{viewer{kind}}'))).toEqual(['UNAUTHENTICATED']);
    const headers = { authorization: `Bearer ${gateway.key}` };
    expect(await socket.execute('{viewer{kind}}', {}, { headers })).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
    expect(errorCodesOf(await socket.execute('{__typename}', {}, { headers: { 'x-api-key': 'x' } }))).toEqual([
      'UNAUTHENTICATED',
    ]);
    expect(errorCodesOf(await socket.execute('{viewer{kind}}'))).toEqual(['UNAUTHENTICATED']);
    socket.close();
  });
});
