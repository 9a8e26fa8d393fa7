import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createKeyWith } from '../schema/support.ts';

const FILES = ['schema.graphql', 'webhooks.graphql', 'possible-types.json', 'graphcache-keys.json'];

describe.each(['development', 'production'])('the files for tools, in %s,', (environment) => {
  const isPublic = environment === 'development';
  let gateway: TestGateway;
  let key: string;
  const read = (name: string, headers: Record<string, string> = {}, method = 'GET') =>
    gateway.fetch(`/graphql/${name}`, { method, headers: { 'accept-encoding': 'identity', ...headers } });

  beforeAll(async () => {
    gateway = await startGateway({ env: { NODE_ENV: environment } });
    key = await createKeyWith(gateway, 'CHAT');
  });
  afterAll(() => gateway.close());

  it.each(FILES)('have %s, for every key', async (name) => {
    const response = await read(name, { 'x-api-key': key });
    const type = name.endsWith('.json') ? 'application/json' : 'text/plain; charset=utf-8';
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
    expect(await response.text()).toBe(await readFile(new URL(`../../schema/${name}`, import.meta.url), 'utf8'));
  });

  it(`are ${isPublic ? 'public' : 'refused without a credential'}, as introspection is`, async () => {
    const { status } = await gateway.fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: '' },
      body: '{"query":"{__schema{queryType{name}}}"}',
    });
    for (const name of FILES) expect((await read(name)).status).toBe(status);
    expect(status).toBe(isPublic ? 200 : 401);
    const revoked = await read('schema.graphql', { 'x-api-key': `ic_${'0'.repeat(32)}` });
    expect([revoked.status, Object.keys((await revoked.json()) as object)]).toEqual([401, ['detail']]);
  });

  it('are not sent again to a client that has them, and can be compressed', async () => {
    const headers = { 'x-api-key': key };
    const first = await read('webhooks.graphql', headers);
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const etag = first.headers.get('etag') ?? '';
    const again = await read('webhooks.graphql', { ...headers, 'if-none-match': etag });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const compressed = await read('webhooks.graphql', { ...headers, 'accept-encoding': 'gzip' });
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
    expect(await compressed.text()).toBe(await first.text());
  });

  it('have no other names, and cannot be written', async () => {
    for (const name of ['index.ts', '..%2fpackage.json', 'schema.graphql/', 'nothing']) {
      expect((await read(name, { 'x-api-key': key })).status, name).toBe(404);
    }
    expect((await read('schema.graphql', { 'x-api-key': key }, 'POST')).status).toBe(405);
    expect((await read('schema.graphql', { 'x-api-key': key }, 'HEAD')).status).toBe(200);
  });
});
