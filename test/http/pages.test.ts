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
const UNREAD_RESPONSES = 60;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const fetchPage = (path: string, headers: Record<string, string> = {}, method = 'GET', target = gateway) =>
  target.fetch(path, { method, headers: { accept: 'text/html', 'accept-encoding': 'identity', ...headers } });

describe.each(PAGES)('%s', (_name, path) => {
  it('is small, and browsers revalidate their cached copy on each visit', async () => {
    const page = await fetchPage(path);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const html = await page.text();
    expect(html.length).toBeLessThan(MAX_PAGE_BYTES);
    const etag = page.headers.get('etag') ?? '';
    expect(etag).toMatch(/^W\/"\w{16}"$/);
    for (const cachedEtag of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
      const again = await fetchPage(path, { 'if-none-match': cachedEtag });
      expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, '']);
      expect(again.headers.get('content-security-policy')).toBe(page.headers.get('content-security-policy'));
    }
    expect((await fetchPage(path, { 'if-none-match': '"other"' })).status).toBe(200);
    const head = await fetchPage(path, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      String(Buffer.byteLength(html)),
      '',
    ]);
    expect(await (await fetchPage(path, { 'accept-encoding': 'gzip' })).text()).toBe(html);
  });

  it('loads files only from the gateway, and cannot be framed by other sites', async () => {
    const { headers } = await fetchPage(path);
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

  it('loads compressed files that browsers cache permanently; a worker that runs one sends no requests', async () => {
    const html = await (await fetchPage(path)).text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|style=/);
    const paths = [...html.matchAll(/\/assets\/[\w./-]+/g)].map(([asset]) => asset);
    expect(paths.length).toBeGreaterThan(2);
    for (const asset of paths) {
      const plain = await fetchPage(asset);
      expect([asset, plain.status]).toEqual([asset, 200]);
      expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(plain.headers.get('content-type')).toMatch(/^(text\/(css|javascript); charset=utf-8|image\/svg\+xml)$/);
      expect(plain.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
      const compressed = await fetchPage(asset, { 'accept-encoding': 'br, gzip' });
      expect(compressed.headers.get('content-encoding')).toBe('gzip');
      const [, , page = ''] = asset.split('/');
      const { body, gzipped } = { body: await plain.bytes(), gzipped: await compressed.bytes() };
      expect(Buffer.compare(gzipped, body)).toBe(0);
      expect((await fetchPage(asset, { 'accept-encoding': 'gzip;q=0' })).headers.has('content-encoding')).toBe(false);
      expect((await fetchPage(asset.replace(/\w{16}/, '0'.repeat(16)))).status).toBe(404);
      expect((await fetchPage(asset.replace(page, 'other'))).status).toBe(404);
      expect((await fetchPage(asset, {}, 'POST')).status).toBe(405);
    }
  });
});

describe('the OpenAPI document', () => {
  it.each(['/v1/openapi.json', '/api/v1/openapi.json/'])(
    'is revalidated on each request of %s, and is not sent again if cached',
    async (path) => {
      const document = await fetchPage(path);
      expect([document.status, document.headers.get('content-type')]).toEqual([200, 'application/json']);
      expect(document.headers.get('cache-control')).toBe('no-cache');
      const etag = document.headers.get('etag') ?? '';
      expect(etag).toMatch(/^W\/"\w{16}"$/);
      const text = await document.text();
      const again = await fetchPage(path, { 'if-none-match': etag });
      expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, '']);
      const compressed = await fetchPage(path, { 'accept-encoding': 'gzip' });
      expect([compressed.headers.get('content-encoding'), await compressed.text()]).toEqual(['gzip', text]);
      expect((await fetchPage(path, {}, 'POST')).status).toBe(405);
    },
  );
});

describe('the files of a page', () => {
  it('are not copied into memory for each client that requests them and does not read', async () => {
    const html = await (await fetchPage('/graphql')).text();
    const script = /\/assets\/graphiql\/\w+\/graphiql\.js/.exec(html)?.[0] ?? '';
    const bytes = Number((await fetchPage(script, {}, 'HEAD')).headers.get('content-length'));
    expect(bytes).toBeGreaterThan(3_000_000);
    const measureMemory = () => {
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = measureMemory();
    const { port, hostname } = new URL(gateway.url);
    const sockets = Array.from({ length: UNREAD_RESPONSES }, () => connect(Number(port), hostname));
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.write(`GET ${script} HTTP/1.1\r\nHost: x\r\n\r\n`);
    }
    // The first chunk of each response has arrived; its client does not read it.
    await Promise.all(sockets.map((socket) => once(socket, 'readable')));
    expect((await fetchPage('/health')).status).toBe(200);
    expect(measureMemory() - before).toBeLessThan(UNREAD_RESPONSES * (bytes / 8));
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
  ] as const)('forbids scripts, styles and frames when opened in a browser: %s %s', async (method, path, status) => {
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

  it('contains no part of GraphiQL if GRAPHIQL is false', async () => {
    const html = await (await fetchPage('/graphql')).text();
    const script = /\/assets\/graphiql\/\w+\/graphiql\.js/.exec(html)?.[0] ?? '';
    const withoutGraphiQL = await startGateway({ env: { GRAPHIQL: 'false' } });
    onTestFinished(() => withoutGraphiQL.close());
    expect((await fetchPage('/graphql', {}, 'GET', withoutGraphiQL)).headers.get('content-type') ?? '').not.toContain(
      'html',
    );
    expect((await fetchPage(script, {}, 'GET', withoutGraphiQL)).status).toBe(404);
  });
});
