import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEMO_CHATBOT_ID } from '../../src/demo.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';

/** An address of this machine in a network; undefined if it has none. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Starts a gateway with the demo chatbot; `ask` sends requests with any headers, including `Host`. */
async function start(env: Record<string, string> = {}) {
  const gateway = await startGateway({ env: { SEED_DEMO: 'true', ...env } });
  onTestFinished(() => gateway.close());
  const { port, host } = new URL(gateway.url);

  const ask: Ask = async (method, path, headers = {}, address = '127.0.0.1') => {
    const asking = request({ host: address, port, method, path, headers: { host, ...headers } });
    asking.end();
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    const chunks = await response.toArray();
    return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() };
  };

  return { gateway, host, port, ask, open: (name: string, secret: string) => open(ask, name, secret) };
}

type Ask = (method: string, path: string, headers?: Record<string, string>, address?: string) => Promise<Answer>;

/** Exchanges a secret for a session. */
function open(ask: Ask, name: string, secret: string, address?: string): Promise<Answer> {
  return ask('POST', `/chat/${name}/session`, { authorization: `Bearer ${secret}` }, address);
}

/** Everything that distinguishes responses for a stranger, without what differs in every response. */
function traitsOf({ status, headers: { date, 'x-request-id': requestId, ...headers }, text }: Answer) {
  return { status, headers, text };
}

const secretOf = ({ deps }: TestGateway) => deps.keyring.sessions.secret;

describe('the chat page', () => {
  it('is the same for every name, known or not', async () => {
    const { ask, gateway } = await start();
    const production = await start({ NODE_ENV: 'production' });
    const other = await createChatbot(gateway, { name: 'Other' });
    const page = traitsOf(await ask('GET', '/chat/demo'));
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
    for (const name of [
      'demo/',
      DEMO_CHATBOT_ID,
      other,
      'other',
      'nobody',
      'assets',
      '%2e%2e',
      '%ff',
      'a'.repeat(900),
    ]) {
      expect(traitsOf(await ask('GET', `/chat/${name}`))).toEqual(page);
    }
    expect(traitsOf(await production.ask('GET', '/chat/demo'))).toEqual(page);
    expect(traitsOf(await production.ask('GET', '/chat/nobody', { host: 'chat.example' }))).toEqual(page);
  });

  it.each(['', 'demo/x', 'demo/session/x', 'assets/chat.js'])('is not found at /chat/%s', async (name) => {
    const { ask } = await start();
    expect((await ask('GET', `/chat/${name}`)).status).toBe(404);
  });

  it.each([
    ['POST', '/chat/demo', 'GET, HEAD'],
    ['POST', '/chat/nobody', 'GET, HEAD'],
    ['GET', '/chat/demo/session', 'POST'],
    ['DELETE', '/chat/nobody/session', 'POST'],
  ])('rejects %s %s with 405', async (method, path, allowed) => {
    const { ask } = await start();
    const { status, headers } = await ask(method, path);
    expect([status, headers.allow]).toEqual([405, allowed]);
  });
});

describe('the exchange of a secret', () => {
  it('returns a new token and conversation each time, and stores no copy of either', async () => {
    const { gateway, open } = await start();
    const answers = [];
    for (const name of ['demo', DEMO_CHATBOT_ID, DEMO_CHATBOT_ID.toUpperCase()]) {
      const { status, headers, text } = await open(name, secretOf(gateway));
      expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
      answers.push(JSON.parse(text) as { token: string; conversationId: string; chatbot: object });
    }
    expect(new Set(answers.map(({ token }) => token)).size).toBe(3);
    expect(new Set(answers.map(({ conversationId }) => conversationId)).size).toBe(3);
    expect(answers[0]?.chatbot).toEqual({ id: DEMO_CHATBOT_ID, name: 'ChatGraph guide' });
    const logged = JSON.stringify(gateway.logs);
    for (const secret of [secretOf(gateway), ...answers.map(({ token }) => token)]) {
      expect(logged).not.toContain(secret.slice(0, 12));
    }
    expect(await gateway.deps.db.read.selectFrom('conversations').selectAll().execute()).toEqual([]);
  });

  it('has a secret of at least 128 bits, different in each process', async () => {
    const [one, two] = [await start(), await start()];
    expect(Buffer.from(secretOf(one.gateway), 'base64url').byteLength).toBeGreaterThanOrEqual(16);
    expect(secretOf(one.gateway)).not.toBe(secretOf(two.gateway));
    expect((await two.open('demo', secretOf(one.gateway))).status).toBe(404);
  });

  it('rejects everything else with the same 404', async () => {
    const { gateway, ask, open } = await start();
    const production = await start({ NODE_ENV: 'production' });
    const proxied = await start({ TRUSTED_PROXIES: '127.0.0.1' });
    const withoutDemo = await start({ SEED_DEMO: 'false' });
    const other = await createChatbot(gateway, { name: 'Other' });
    const secret = secretOf(gateway);
    const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
    const refusals = [
      await open('demo', 'x'.repeat(secret.length)),
      await open('demo', `${secret}x`),
      await open('demo', secret.slice(1)),
      await open('nobody', 'x'),
      await open('nobody', secret),
      await open('other', secret),
      await open(other, secret),
      await open('demo', gateway.key),
      await ask('POST', '/chat/demo/session'),
      await ask('POST', `/chat/demo/session?secret=${secret}`),
      await ask('POST', '/chat/demo/session', { origin: gateway.url, 'sec-fetch-site': 'same-origin' }),
      await production.open('demo', secretOf(production.gateway)),
      await withoutDemo.open('demo', secretOf(withoutDemo.gateway)),
      await proxied.ask('POST', '/chat/demo/session', {
        ...bearer(secretOf(proxied.gateway)),
        'x-forwarded-for': '203.0.113.7',
      }),
    ];
    expect(refusals[0]).toMatchObject({ status: 404, headers: { 'cache-control': 'no-store' } });
    for (const refusal of refusals) expect(traitsOf(refusal)).toEqual(traitsOf(refusals[0] as Answer));
  });

  it.skipIf(outside === undefined)('is rejected for other machines', async () => {
    const { ask, gateway } = await start({ HOST: '0.0.0.0' });
    expect((await open(ask, 'demo', secretOf(gateway))).status).toBe(200);
    const refused = await open(ask, 'demo', secretOf(gateway), outside);
    expect(traitsOf(refused)).toEqual(traitsOf(await open(ask, 'demo', 'x')));
  });
});
