import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';

const PAGES = [
  ['GraphiQL', '/graphql'],
  ['the REST reference', '/docs'],
  ['the chat page', '/chat/demo'],
] as const;
const MAX_PAGE_BYTES = 16_000;
const UNREAD = 60;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const open = (path: string, headers: Record<string, string> = {}, method = 'GET', from = gateway) =>
  from.fetch(path, { method, headers: { accept: 'text/html', 'accept-encoding': 'identity', ...headers } });

describe.each(PAGES)('%s', (_name, path) => {
  it('is small, is revalidated on each visit, and is not sent again if cached', async () => {
    const page = await open(path);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const html = await page.text();
    expect(html.length).toBeLessThan(MAX_PAGE_BYTES);
    const etag = page.headers.get('etag') ?? '';
    expect(etag).toMatch(/^W\/"\w{16}"$/);
    for (const cachedEtag of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
      const again = await open(path, { 'if-none-match': cachedEtag });
      expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, '']);
      expect(again.headers.get('content-security-policy')).toBe(page.headers.get('content-security-policy'));
    }
    expect((await open(path, { 'if-none-match': '"other"' })).status).toBe(200);
    const head = await open(path, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      String(Buffer.byteLength(html)),
      '',
    ]);
    expect(await (await open(path, { 'accept-encoding': 'gzip' })).text()).toBe(html);
  });

  it('runs its own files only, makes no other requests, and allows no frames', async () => {
    const { headers } = await open(path);
    const policy = (headers.get('content-security-policy') ?? '').split('; ');
    for (const rule of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "img-src 'self' data:"]) {
      expect(policy).toContain(rule);
    }
    for (const rule of ["base-uri 'none'", "form-action 'none'"]) expect(policy).toContain(rule);
    expect(policy).toContain(`frame-ancestors ${path.startsWith('/chat') ? "'self'" : "'none'"}`);
    expect(policy.filter((rule) => !rule.startsWith('style-src')).join()).not.toMatch(/unsafe|https?:|blob:|\*/);
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
  });

  it('refers to compressed files that browsers cache permanently and that make no requests as workers', async () => {
    const html = await (await open(path)).text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|style=/);
    const paths = [...html.matchAll(/\/assets\/[\w./-]+/g)].map(([asset]) => asset);
    expect(paths.length).toBeGreaterThan(2);
    for (const asset of paths) {
      const plain = await open(asset);
      expect([asset, plain.status]).toEqual([asset, 200]);
      expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(plain.headers.get('content-type')).toMatch(/^(text\/(css|javascript); charset=utf-8|image\/svg\+xml)$/);
      expect(plain.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
      const packed = await open(asset, { 'accept-encoding': 'br, gzip' });
      expect(packed.headers.get('content-encoding')).toBe('gzip');
      const [, , page = ''] = asset.split('/');
      const { body, gzipped } = { body: await plain.bytes(), gzipped: await packed.bytes() };
      expect(Buffer.compare(gzipped, body)).toBe(0);
      expect((await open(asset, { 'accept-encoding': 'gzip;q=0' })).headers.has('content-encoding')).toBe(false);
      expect((await open(asset.replace(/\w{16}/, '0'.repeat(16)))).status).toBe(404);
      expect((await open(asset.replace(page, 'other'))).status).toBe(404);
      expect((await open(asset, {}, 'POST')).status).toBe(405);
    }
  });
});

describe('the OpenAPI document', () => {
  it.each(['/v1/openapi.json', '/api/v1/openapi.json/'])(
    'is revalidated on each use of %s, and not sent again if cached',
    async (path) => {
      const document = await open(path);
      expect([document.status, document.headers.get('content-type')]).toEqual([200, 'application/json']);
      expect(document.headers.get('cache-control')).toBe('no-cache');
      const etag = document.headers.get('etag') ?? '';
      expect(etag).toMatch(/^W\/"\w{16}"$/);
      const text = await document.text();
      const again = await open(path, { 'if-none-match': etag });
      expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, '']);
      const packed = await open(path, { 'accept-encoding': 'gzip' });
      expect([packed.headers.get('content-encoding'), await packed.text()]).toEqual(['gzip', text]);
      expect((await open(path, {}, 'POST')).status).toBe(405);
    },
  );
});

describe('the files of a page', () => {
  it('use no memory per client if many clients request nine megabytes and read nothing', async () => {
    const html = await (await open('/graphql')).text();
    const script = /\/assets\/graphiql\/\w+\/graphiql\.js/.exec(html)?.[0] ?? '';
    const bytes = Number((await open(script, {}, 'HEAD')).headers.get('content-length'));
    expect(bytes).toBeGreaterThan(3_000_000);
    const held = () => {
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = held();
    const { port, hostname } = new URL(gateway.url);
    const sockets = Array.from({ length: UNREAD }, () => connect(Number(port), hostname));
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.write(`GET ${script} HTTP/1.1\r\nHost: x\r\n\r\n`);
    }
    // Each response has a first chunk, which its client does not read.
    await Promise.all(sockets.map((socket) => once(socket, 'readable')));
    expect((await open('/health')).status).toBe(200);
    expect(held() - before).toBeLessThan(UNREAD * (bytes / 8));
  });
});

describe('every other response', () => {
  it.each([
    ['GET', '/nothing', 404],
    ['GET', '/docs/nothing', 404],
    ['GET', '/docs/..%2fpackage.json', 404],
    ['GET', '/chat/', 404],
    ['GET', '/assets/graphiql/..%2f..%2fpackage.json', 404],
    ['POST', '/docs', 405],
    ['POST', '/chat/demo', 405],
    ['GET', '/', 302],
    ['GET', '/v1/chatbots', 401],
    ['GET', '/health', 200],
    ['POST', '/graphql', 401],
  ] as const)('does nothing when opened in a browser: %s %s', async (method, path, status) => {
    const response = await gateway.fetch(path, {
      method,
      redirect: 'manual',
      ...(path === '/graphql' && {
        headers: { 'content-type': 'application/json' },
        body: '{"query":"{ viewer { kind } }"}',
      }),
    });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('contains nothing of GraphiQL if that is disabled', async () => {
    const html = await (await open('/graphql')).text();
    const script = /\/assets\/graphiql\/\w+\/graphiql\.js/.exec(html)?.[0] ?? '';
    const without = await startGateway({ env: { GRAPHIQL: 'false' } });
    onTestFinished(() => without.close());
    expect((await open('/graphql', {}, 'GET', without)).headers.get('content-type') ?? '').not.toContain('html');
    expect((await open(script, {}, 'GET', without)).status).toBe(404);
  });
});
