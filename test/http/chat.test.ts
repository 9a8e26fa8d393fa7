import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEMO_CHATBOT_ID } from '../../src/demo.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';

/** An IPv4 address of this machine that is not loopback; undefined if it has none. */
const externalAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Starts a gateway with the demo chatbot. Unlike `fetch`, `sendRequest` can send any headers, including `Host`. */
async function startDemo(env: Record<string, string> = {}) {
  const gateway = await startGateway({ env: { SEED_DEMO: 'true', ...env } });
  onTestFinished(() => gateway.close());
  const { port, host } = new URL(gateway.url);

  const sendRequest: SendRequest = async (method, path, headers = {}, address = '127.0.0.1') => {
    const clientRequest = request({ host: address, port, method, path, headers: { host, ...headers } });
    clientRequest.end();
    const [response] = (await once(clientRequest, 'response')) as [IncomingMessage];
    const chunks = await response.toArray();
    return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() };
  };

  const createSession = (name: string, secret: string) => exchangeSecret(sendRequest, name, secret);
  return { gateway, host, port, sendRequest, createSession };
}

type SendRequest = (
  method: string,
  path: string,
  headers?: Record<string, string>,
  address?: string,
) => Promise<HttpResponse>;

/** Exchanges a secret for a session. */
function exchangeSecret(
  sendRequest: SendRequest,
  name: string,
  secret: string,
  address?: string,
): Promise<HttpResponse> {
  return sendRequest('POST', `/chat/${name}/session`, { authorization: `Bearer ${secret}` }, address);
}

/** The parts of a response that must not reveal whether a chatbot exists; two headers differ in every response. */
function comparableParts({ status, headers: { date, 'x-request-id': requestId, ...headers }, text }: HttpResponse) {
  return { status, headers, text };
}

const sessionSecretOf = ({ deps }: TestGateway) => deps.keyring.sessions.chatSecret.text;

describe('the chat page', () => {
  it('is the same for every name, known or not', async () => {
    const { sendRequest, gateway } = await startDemo();
    const production = await startDemo({ NODE_ENV: 'production' });
    const otherId = await createChatbot(gateway, { name: 'Other' });
    const page = comparableParts(await sendRequest('GET', '/chat/demo'));
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
    for (const name of [
      'demo/',
      DEMO_CHATBOT_ID,
      otherId,
      'other',
      'nobody',
      'assets',
      '%2e%2e',
      '%ff',
      'a'.repeat(900),
    ]) {
      expect(comparableParts(await sendRequest('GET', `/chat/${name}`))).toEqual(page);
    }
    expect(comparableParts(await production.sendRequest('GET', '/chat/demo'))).toEqual(page);
    expect(comparableParts(await production.sendRequest('GET', '/chat/nobody', { host: 'chat.example' }))).toEqual(
      page,
    );
  });

  it.each(['', 'demo/x', 'demo/session/x', 'assets/chat.js'])('is not found at /chat/%s', async (name) => {
    const { sendRequest } = await startDemo();
    expect((await sendRequest('GET', `/chat/${name}`)).status).toBe(404);
  });

  it.each([
    ['POST', '/chat/demo', 'GET, HEAD'],
    ['POST', '/chat/nobody', 'GET, HEAD'],
    ['GET', '/chat/demo/session', 'POST'],
    ['DELETE', '/chat/nobody/session', 'POST'],
  ])('rejects %s %s with 405', async (method, path, allowed) => {
    const { sendRequest } = await startDemo();
    const { status, headers } = await sendRequest(method, path);
    expect([status, headers.allow]).toEqual([405, allowed]);
  });
});

describe('the exchange of a secret', () => {
  it('returns a new token and conversation each time, and stores no copy of either', async () => {
    const { gateway, createSession } = await startDemo();
    const answers = [];
    for (const name of ['demo', DEMO_CHATBOT_ID, DEMO_CHATBOT_ID.toUpperCase()]) {
      const { status, headers, text } = await createSession(name, sessionSecretOf(gateway));
      expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
      answers.push(JSON.parse(text) as { token: string; conversationId: string; chatbot: object });
    }
    expect(new Set(answers.map(({ token }) => token)).size).toBe(3);
    expect(new Set(answers.map(({ conversationId }) => conversationId)).size).toBe(3);
    expect(answers[0]?.chatbot).toEqual({ id: DEMO_CHATBOT_ID, name: 'ChatGraph guide' });
    const logged = JSON.stringify(gateway.logs);
    for (const secret of [sessionSecretOf(gateway), ...answers.map(({ token }) => token)]) {
      expect(logged).not.toContain(secret.slice(0, 12));
    }
    expect(await gateway.deps.db.read.selectFrom('conversations').selectAll().execute()).toEqual([]);
  });

  it('needs a secret of at least 128 bits, which differs in each process', async () => {
    const [first, second] = [await startDemo(), await startDemo()];
    expect(Buffer.from(sessionSecretOf(first.gateway), 'base64url').byteLength).toBeGreaterThanOrEqual(16);
    expect(sessionSecretOf(first.gateway)).not.toBe(sessionSecretOf(second.gateway));
    expect((await second.createSession('demo', sessionSecretOf(first.gateway))).status).toBe(404);
  });

  it('rejects any other secret, name, origin or environment with the same 404', async () => {
    const { gateway, sendRequest, createSession } = await startDemo();
    const production = await startDemo({ NODE_ENV: 'production' });
    const proxied = await startDemo({ TRUSTED_PROXIES: '127.0.0.1' });
    const withoutDemo = await startDemo({ SEED_DEMO: 'false' });
    const otherId = await createChatbot(gateway, { name: 'Other' });
    const secret = sessionSecretOf(gateway);
    const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
    const rejections = [
      await createSession('demo', 'x'.repeat(secret.length)),
      await createSession('demo', `${secret}x`),
      await createSession('demo', secret.slice(1)),
      await createSession('nobody', 'x'),
      await createSession('nobody', secret),
      await createSession('other', secret),
      await createSession(otherId, secret),
      await createSession('demo', gateway.key),
      await sendRequest('POST', '/chat/demo/session'),
      await sendRequest('POST', `/chat/demo/session?secret=${secret}`),
      await sendRequest('POST', '/chat/demo/session', { origin: gateway.url, 'sec-fetch-site': 'same-origin' }),
      await production.createSession('demo', sessionSecretOf(production.gateway)),
      await withoutDemo.createSession('demo', sessionSecretOf(withoutDemo.gateway)),
      await proxied.sendRequest('POST', '/chat/demo/session', {
        ...bearer(sessionSecretOf(proxied.gateway)),
        'x-forwarded-for': '203.0.113.7',
      }),
    ];
    expect(rejections[0]).toMatchObject({ status: 404, headers: { 'cache-control': 'no-store' } });
    for (const rejection of rejections) {
      expect(comparableParts(rejection)).toEqual(comparableParts(rejections[0] as HttpResponse));
    }
  });

  it.skipIf(externalAddress === undefined)('is rejected for clients on other machines', async () => {
    const { sendRequest, gateway } = await startDemo({ HOST: '0.0.0.0' });
    expect((await exchangeSecret(sendRequest, 'demo', sessionSecretOf(gateway))).status).toBe(200);
    const refused = await exchangeSecret(sendRequest, 'demo', sessionSecretOf(gateway), externalAddress);
    expect(comparableParts(refused)).toEqual(comparableParts(await exchangeSecret(sendRequest, 'demo', 'x')));
  });
});
