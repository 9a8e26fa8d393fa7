import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createManualClock } from '../helpers/clock.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createSigningKey, type SigningKey } from '../helpers/oidc/fake-issuer.ts';
import { SECRET_KEY } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';
import { createPublicChatbot, requestSession } from './support.ts';

const clock = createManualClock();
let gateway: TestGateway;
let keys: Readonly<Record<'RS256' | 'ES256', SigningKey>>;

beforeAll(async () => {
  gateway = await startGateway({ env: { SECRET_KEY, SSRF_ALLOW_CIDRS: '127.0.0.0/8' }, overrides: { clock } });
  keys = { RS256: await createSigningKey('RS256'), ES256: await createSigningKey('ES256') };
});
afterAll(() => gateway.close());

/** Starts a server of a key set, and creates a chatbot whose visitors it identifies. */
async function open(respond?: RequestListener) {
  let published: readonly SigningKey[] = Object.values(keys);
  let handler = respond;
  let readCount = 0;
  const server = createServer(async (request, response) => {
    readCount++;
    if (handler) return handler(request, response);
    const jwks = published.map(async ({ publicKey, kid, alg }) => ({ ...(await exportJWK(publicKey)), kid, alg }));
    return response.end(JSON.stringify({ keys: await Promise.all(jwks) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const chatbotId = await createPublicChatbot(gateway);
  await mutate(gateway, 'updateChatbot', { id: chatbotId, identity: { jwksUrl } });
  const request = (identity: string) => requestSession(gateway, chatbotId, { body: { identity } });
  return {
    ...{ chatbotId, jwksUrl, request },
    statusOf: async (identity: string) => (await request(identity)).status,
    publish: (next: readonly SigningKey[]) => {
      published = next;
    },
    respondWith: (next: RequestListener | undefined) => {
      handler = next;
    },
    countReads: () => readCount,
  };
}

const createJwt = (claims: JWTPayload = { user_id: 'u-1' }) =>
  new SignJWT(claims).setExpirationTime(Math.floor(clock.now() / 1_000) + 300);

const sign = ({ alg, kid, privateKey }: SigningKey, claims?: JWTPayload) =>
  createJwt(claims).setProtectedHeader({ alg, kid }).sign(privateKey);

describe('an identity that a key set verifies', () => {
  it('opens sessions of one verified visitor with RS256, ES256 and the identity secret', async () => {
    const { chatbotId, request, countReads } = await open();
    const { secret } = await mutate<{ secret: string }>(
      gateway,
      'rotateIdentitySecret',
      { chatbotId },
      { selection: 'secret' },
    );
    const identities = [
      await sign(keys.RS256),
      await sign(keys.ES256),
      await createJwt().setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret)),
    ];
    const ids = new Set<string>();
    for (const identity of identities) {
      const response = await request(identity);
      expect(response.status).toBe(201);
      ids.add(((await response.json()) as { visitor_id: string }).visitor_id);
    }
    expect([ids.size, countReads()]).toEqual([1, 1]);
  });

  it('is refused if it is signed by another key, by the public key as a secret, or by no key', async () => {
    const { statusOf } = await open();
    const { kid, publicKey } = keys.RS256;
    const publicText = new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)));
    const valid = await sign(keys.RS256);
    const [, payload = ''] = valid.split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid })).toString('base64url');
    const other = await createSigningKey('ES512');
    const identities = [
      await sign({ ...(await createSigningKey('RS256')), kid }),
      await sign(await createSigningKey('ES256')),
      await createJwt().setProtectedHeader({ alg: 'HS256', kid }).sign(publicText),
      await sign(other),
      await sign(keys.ES256, {}),
      await createJwt().setExpirationTime(1).setProtectedHeader({ alg: 'RS256', kid }).sign(keys.RS256.privateKey),
      `${none}.${payload}.`,
      valid.slice(0, -4),
    ];
    for (const identity of identities) expect([identity, await statusOf(identity)]).toEqual([identity, 400]);
  });

  it('is verified with a key that was added later, and no longer with one that was removed', async () => {
    const { statusOf, publish, countReads } = await open();
    const added = await createSigningKey('ES256');
    expect(await statusOf(await sign(keys.ES256))).toBe(201);
    publish([added]);
    expect(await statusOf(await sign(added))).toBe(201);
    expect(await statusOf(await sign(keys.ES256))).toBe(400);
    // Unknown keys make the gateway read the set only now and then.
    for (let count = 0; count < 10; count++) {
      expect(await statusOf(await sign({ ...added, kid: `unknown-${count}` }))).toBe(400);
    }
    expect(countReads()).toBeLessThanOrEqual(6);
  });
});

describe('a key set that cannot be read', () => {
  const endless: RequestListener = (_request, response) => {
    const chunk = Buffer.alloc(65_536, ' ');
    response.on('error', () => {});
    const write = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', write);
    write();
  };
  const answers: Readonly<Record<string, RequestListener>> = {
    'is endless': endless,
    'is an error': (_request, response) => response.writeHead(500).end(),
    redirects: (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    'is no JSON': (_request, response) => response.end('<html>'),
    'is no key set': (_request, response) => response.end('{"keys":5}'),
    'has too many keys': (_request, response) => response.end(JSON.stringify({ keys: Array(101).fill({}) })),
    'ends early': (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{');
      response.destroy();
    },
  };

  it.each(Object.entries(answers))('gives 503 if it %s, and is read again when that is over', async (_name, answer) => {
    const { chatbotId, request, respondWith } = await open(answer);
    const identity = await sign(keys.ES256);
    const refused = await request(identity);
    expect([refused.status, await refused.json()]).toEqual([503, { detail: 'Service unavailable.' }]);
    expect((await requestSession(gateway, chatbotId)).status).toBe(201);
    respondWith(undefined);
    clock.advance(6_000);
    expect((await request(identity)).status).toBe(201);
  });

  it('gives 503 if it hangs, and holds up nothing else', async () => {
    const { chatbotId, request } = await open(() => {});
    const healthy = await open();
    const limit = new AbortController();
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(limit.signal);
    onTestFinished(() => timeout.mockRestore());
    const hanging = request(await sign(keys.ES256));
    await expect.poll(() => timeout.mock.calls.length).toBeGreaterThan(0);
    expect(timeout.mock.calls[0]).toEqual([5_000]);
    expect((await requestSession(gateway, chatbotId)).status).toBe(201);
    expect(await healthy.statusOf(await sign(keys.ES256))).toBe(201);
    limit.abort(new DOMException('The time is over.', 'TimeoutError'));
    expect((await hanging).status).toBe(503);
  });

  it('does not stop identities with keys that the gateway knows', async () => {
    const { statusOf, respondWith } = await open();
    expect(await statusOf(await sign(keys.ES256))).toBe(201);
    respondWith(endless);
    clock.advance(400_000);
    expect(await statusOf(await sign(keys.RS256))).toBe(201);
  });
});

describe('the address of a key set', () => {
  const update = (chatbotId: string, identity: object) =>
    mutate<object>(
      gateway,
      'updateChatbot',
      { id: chatbotId, identity },
      { selection: 'chatbot { identity { isRequired jwksUrl } }' },
    );

  it('is set and removed apart from the other rules', async () => {
    const { chatbotId, jwksUrl } = await open();
    const url = 'https://shop.example/.well-known/jwks.json';
    for (const [given, identity] of [
      [{ isRequired: true }, { isRequired: true, jwksUrl }],
      [{ jwksUrl: url }, { isRequired: true, jwksUrl: url }],
      [{ jwksUrl: null }, { isRequired: true, jwksUrl: null }],
    ] as const) {
      expect(await update(chatbotId, given)).toMatchObject({ chatbot: { identity } });
    }
  });

  it.each([
    ...['', 'shop.example', 'http://shop.example/jwks', 'https://10.0.0.1/jwks', 'https://169.254.169.254/'],
    ...['https://user:secret@shop.example/', 'file:///etc/passwd', 'https://[::1]/'],
    `https://shop.example/${'x'.repeat(2_000)}`,
  ])('is refused if it is not on the public internet, or not encrypted: %s', async (jwksUrl) => {
    const { chatbotId } = await open();
    expect(await update(chatbotId, { jwksUrl })).toMatchObject({ code: 'INVALID_INPUT' });
  });
});
