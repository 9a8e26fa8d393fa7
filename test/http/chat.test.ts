import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEMO_CHATBOT_ID } from '../../src/demo.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { startGateway } from '../helpers/gateway.ts';

/** An address of this machine that others know it by; undefined where it has none. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Starts a gateway with the demo chatbot, and a way to ask it with any headers, `Host` included. */
async function start(env: Record<string, string> = {}) {
  const gateway = await startGateway({ env: { SEED_DEMO: 'true', ...env } });
  onTestFinished(() => gateway.close());
  const { port, host } = new URL(gateway.url);

  async function ask(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    address = '127.0.0.1',
  ): Promise<Answer> {
    const asking = request({ host: address, port, method, path, headers: { host, ...headers } });
    asking.end();
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    const chunks = await response.toArray();
    return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() };
  }

  return { gateway, host, port, ask };
}

describe('the page of a chatbot', () => {
  it.each(['demo', DEMO_CHATBOT_ID, DEMO_CHATBOT_ID.toUpperCase(), 'demo/'])('is at /chat/%s', async (name) => {
    const { ask } = await start();
    const { status, headers, text } = await ask('GET', `/chat/${name}`);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(text).toContain('<title>ChatGraph guide – ChatGraph</title>');
  });

  it('runs and styles itself by its own files only, and talks to nobody else', async () => {
    const { ask, host } = await start();
    const { headers, text } = await ask('GET', '/chat/demo');
    const policy = String(headers['content-security-policy']).split('; ');
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) {
      expect(policy).toContain(rule);
    }
    expect(policy).toContain(`connect-src 'self' ws://${host}`);
    expect(policy.join()).not.toMatch(/unsafe|https?:|\*/);
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|style=/);
  });

  it('has every file that it names, to be kept for good', async () => {
    const { ask } = await start();
    const { text } = await ask('GET', '/chat/demo');
    const paths = [...text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(paths).toHaveLength(3);
    for (const path of paths) {
      const plain = await ask('GET', path);
      expect(plain.status).toBe(200);
      expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(plain.headers['content-type']).toMatch(/^(text\/(css|javascript); charset=utf-8|image\/svg\+xml)$/);
      const packed = await ask('GET', path, { 'accept-encoding': 'gzip, br' });
      expect(packed.headers['content-encoding']).toBe('gzip');
      expect((await ask('GET', path.replace(/\w{12}/, '0'.repeat(12)))).status).toBe(404);
    }
  });

  it('writes the name of the chatbot as text', async () => {
    const { gateway, ask } = await start();
    await gateway.deps.db.transaction((trx) =>
      trx
        .updateTable('chatbots')
        .set({ name: '"><script>alert(1)</script>' })
        .where('id', '=', DEMO_CHATBOT_ID)
        .execute(),
    );
    const { text } = await ask('GET', '/chat/demo');
    expect(text).not.toContain('alert(1)</script>');
  });

  it.each(['nobody', '01900000-0000-7000-8000-00000000ffff', '', 'demo/x', 'assets/chat.js', '%2e%2e'])(
    'is not found at /chat/%s',
    async (name) => {
      const { ask } = await start();
      expect((await ask('GET', `/chat/${name}`)).status).toBe(404);
    },
  );

  it('says to another chatbot’s visitors what is missing', async () => {
    const { gateway, ask } = await start();
    const id = await createChatbot(gateway);
    const { status, text, headers } = await ask('GET', `/chat/${id}`);
    expect([status, headers['content-type']]).toEqual([403, 'text/html; charset=utf-8']);
    expect(text).toContain('session tokens');
    expect(text).not.toContain('<script');
    expect((await ask('POST', `/chat/${id}/session`)).status).toBe(403);
  });

  it.each([
    ['POST', '/chat/demo'],
    ['GET', '/chat/demo/session'],
    ['DELETE', '/chat/demo/session'],
  ])('refuses %s %s with 405', async (method, path) => {
    const { ask } = await start();
    const { status, headers } = await ask(method, path);
    expect(status).toBe(405);
    expect(headers.allow).toBe(path.endsWith('session') ? 'POST' : 'GET, HEAD');
  });
});

describe('the credential of the page', () => {
  it.each([
    ['the page itself', {}, 200],
    ['the page, in a browser that says so', { 'sec-fetch-site': 'same-origin' }, 200],
    ['no page at all', { origin: '' }, 403],
    ['a page of another site', { origin: 'https://example.com', 'sec-fetch-site': 'cross-site' }, 403],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }, 403],
    ['a page of another name of this machine', { origin: 'http://localhost:PORT' }, 403],
    ['a page that the browser knows to be another', { 'sec-fetch-site': 'same-site' }, 403],
    ['a name that was pointed here', { host: 'rebound.example:PORT', origin: 'http://rebound.example:PORT' }, 403],
    ['a name that begins like this machine', { host: 'localhost.example', origin: 'http://localhost.example' }, 403],
    ['this machine by its name', { host: 'localhost:PORT', origin: 'http://localhost:PORT' }, 200],
    ['this machine by IPv6', { host: '[::1]:PORT', origin: 'http://[::1]:PORT' }, 200],
    ['someone behind a proxy', { 'x-forwarded-for': '203.0.113.7' }, 403],
    ['someone behind another proxy', { forwarded: 'for=203.0.113.7' }, 403],
  ])('for %s', async (_who, given: Record<string, string>, expected) => {
    const { ask, gateway, port } = await start();
    const headers: Record<string, string> = { origin: gateway.url, ...given };
    for (const [name, value] of Object.entries(headers)) {
      if (value === '') delete headers[name];
      else headers[name] = value.replace('PORT', port);
    }
    const { status, text, headers: answered } = await ask('POST', '/chat/demo/session', headers);
    expect(status).toBe(expected);
    expect(answered['cache-control']).toBe('no-store');
    expect(/ic_\w{42}/.test(text)).toBe(expected === 200);
  });

  it.each([
    ['in production', { NODE_ENV: 'production' }],
    ['where a proxy is trusted', { TRUSTED_PROXIES: '10.0.0.1' }],
  ])('is not given %s, and the page says so', async (_where, env) => {
    const { ask, gateway } = await start(env);
    const asked = await ask('POST', '/chat/demo/session', { origin: gateway.url });
    expect([asked.status, asked.text.includes('ic_')]).toEqual([403, false]);
    expect((await ask('GET', '/chat/demo')).status).toBe(403);
  });

  it.skipIf(outside === undefined)('is not given to another machine that calls itself this one', async () => {
    const { ask, port } = await start({ HOST: '0.0.0.0' });
    const headers = { host: `localhost:${port}`, origin: `http://localhost:${port}` };
    expect((await ask('POST', '/chat/demo/session', headers)).status).toBe(200);
    expect((await ask('POST', '/chat/demo/session', headers, outside)).status).toBe(403);
    expect((await ask('GET', '/chat/demo', headers, outside)).status).toBe(403);
  });
});
