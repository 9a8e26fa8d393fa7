import { createHmac } from 'node:crypto';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { signSessionToken } from '../../src/access/session-tokens/signed-tokens.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { openSharedGateway } from '../helpers/shared-gateway.ts';
import { openSocket } from '../helpers/sockets.ts';
import { webSocket } from '../helpers/streams.ts';
import { SECRET_KEY } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';
import { askWith, createPublicChatbot, openSession, renew, requestRenewal, requestSession, SHOP } from './support.ts';

const VIEWER = '{ viewer { kind visitor { id } sessionToken { id origin } } }';
const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { conversation { id } userMessage { id } reply { id } } ... on Error { code }
} }`;
const MINUTES = 60_000;

interface Created {
  readonly token: string;
  readonly renewalToken: string;
  readonly sessionToken: { readonly id: string; readonly visitor: { readonly id: string } };
}

async function open() {
  const gateway = await openSharedGateway();
  return { gateway, chatbotId: await createPublicChatbot(gateway) };
}

/** Opens a gateway with its own clock. */
async function openWithClock() {
  const clock = createManualClock();
  const gateway = await startGateway({ env: { SECRET_KEY }, overrides: { clock } });
  onTestFinished(() => gateway.close());
  return { gateway, clock, chatbotId: await createPublicChatbot(gateway) };
}

const createToken = (gateway: TestGateway, input: object) =>
  mutate<Created>(gateway, 'createSessionToken', input, {
    selection: 'token renewalToken sessionToken { id visitor { id } }',
  });

async function sendWith(gateway: TestGateway, token: string, input: object) {
  const { data, codes } = await askWith(gateway, token, SEND, { variables: { input } });
  const sent = (data as unknown as { sendMessage?: Sent } | undefined)?.sendMessage;
  return { ...sent, codes };
}

interface Sent {
  readonly code?: string;
  readonly conversation?: { readonly id: string };
  readonly userMessage?: { readonly id: string };
  readonly reply?: { readonly id: string };
}

describe('a session token that a server creates', () => {
  it('speaks as the visitor that the server names, also for a chatbot that is not public', async () => {
    const { gateway } = await open();
    const chatbotId = await createChatbot(gateway);
    const created = await createToken(gateway, { chatbotId, visitor: { externalId: 'u-1', name: 'Ada' } });
    expect(created.token).toMatch(/^ics_[\w-]+\.[\w-]+\.[\w-]+$/);
    const { status, data } = await askWith(gateway, created.token, VIEWER, { origin: null });
    expect([status, data]).toEqual([
      200,
      {
        viewer: {
          kind: 'SESSION',
          visitor: { id: created.sessionToken.visitor.id },
          sessionToken: { id: created.sessionToken.id, origin: null },
        },
      },
    ]);
    const { conversation } = await sendWith(gateway, created.token, { chatbotId, content: 'Hello' });
    const query = 'query ($id: ID!) { conversation(id: $id) { visitor { externalId isVerified name } } }';
    expect((await gateway.graphql<object>(query, { id: conversation?.id })).data).toEqual({
      conversation: { visitor: { externalId: 'u-1', isVerified: true, name: 'Ada' } },
    });
  });

  it.each([
    [{ origin: 'https://shop.example/' }, 'origin'],
    [{ origin: 'null' }, 'origin'],
    [{ origin: '*' }, 'origin'],
    [{ expiresInSeconds: 59 }, 'expiresInSeconds'],
    [{ expiresInSeconds: 3_601 }, 'expiresInSeconds'],
    [{ visitor: { email: 'ada' } }, 'visitor.email'],
  ])('is refused for %j', async (fields, path) => {
    const { gateway, chatbotId } = await open();
    expect(await mutate(gateway, 'createSessionToken', { chatbotId, ...fields })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: path.split('.') }],
    });
  });
});

describe('a session', () => {
  it('answers for the messages of another visitor as for unknown ids', async () => {
    const { gateway, chatbotId } = await open();
    const [one, two] = [await openSession(gateway, chatbotId), await openSession(gateway, chatbotId)];
    const sent = await sendWith(gateway, one.token, { chatbotId, content: 'Hello' });
    const ids = [sent.conversation?.id ?? '', sent.reply?.id ?? '', sent.userMessage?.id ?? ''];
    for (const id of ids) {
      const query = 'query ($id: ID!) { node(id: $id) { id } }';
      expect((await askWith(gateway, one.token, query, { variables: { id } })).data).toEqual({ node: { id } });
      expect((await askWith(gateway, two.token, query, { variables: { id } })).codes).toEqual(['NOT_FOUND']);
    }
    const other = await sendWith(gateway, two.token, { conversationId: ids[0], content: 'Mine?' });
    expect(other.codes).toEqual(['NOT_FOUND']);
    const list = '{ viewer { visitor { conversations { nodes { id messages { nodes { content } } } } } } }';
    expect((await askWith(gateway, two.token, list)).data).toEqual({
      viewer: { visitor: { conversations: { nodes: [] } } },
    });
    expect((await askWith(gateway, one.token, list)).data).toMatchObject({
      viewer: { visitor: { conversations: { nodes: [{ id: ids[0] }] } } },
    });
  });

  it('never meets the idempotency keys of another visitor', async () => {
    const { gateway, chatbotId } = await open();
    const input = { chatbotId, content: 'Hello', clientMessageId: 'm-1' };
    const [one, two] = [await openSession(gateway, chatbotId), await openSession(gateway, chatbotId)];
    const first = await sendWith(gateway, one.token, input);
    expect((await sendWith(gateway, one.token, input)).userMessage).toEqual(first.userMessage);
    expect((await sendWith(gateway, two.token, input)).userMessage?.id).not.toBe(first.userMessage?.id);
  });

  it.each([{ sessionId: 's' }, { visitor: { externalId: 'u-1' } }])('may not send with %j', async (fields) => {
    const { gateway, chatbotId } = await open();
    const { token } = await openSession(gateway, chatbotId);
    expect((await sendWith(gateway, token, { chatbotId, content: 'Hello', ...fields })).code).toBe('INVALID_INPUT');
  });

  it('may not send to another chatbot of the account', async () => {
    const { gateway, chatbotId } = await open();
    const { token } = await openSession(gateway, chatbotId);
    const other = await createPublicChatbot(gateway);
    const sent = await sendWith(gateway, token, { chatbotId: other, content: 'Hello' });
    expect(sent.code ?? sent.codes[0]).toBe('NOT_FOUND');
  });

  it('may send 10 messages a minute, over all its tokens', async () => {
    const { gateway, chatbotId } = await open();
    const { token, renewal_token } = await openSession(gateway, chatbotId);
    for (let n = 0; n < 10; n++) {
      expect((await sendWith(gateway, token, { chatbotId, content: `Message ${n}` })).codes).toEqual([]);
    }
    const renewed = await renew(gateway, renewal_token);
    const refused = await askWith(gateway, renewed.token, SEND, {
      variables: { input: { chatbotId, content: 'More' } },
    });
    expect([refused.status, refused.codes]).toEqual([429, ['RATE_LIMITED']]);
  });
});

describe('an invalid session token', () => {
  it('is refused with 401, whatever is wrong with it', async () => {
    const { gateway, chatbotId } = await open();
    const { token } = await openSession(gateway, chatbotId);
    const [header = '', payload = '', signature = ''] = token.slice(4).split('.');
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const resign = (head: object, body: object, secret = 'secret') => {
      const text = `${encode(head)}.${encode(body)}`;
      return `ics_${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    };
    const other = encode({ ...claims, visitor: claims.account });
    const forged = [
      'ics_',
      'ics_.',
      'ics_a.b.c',
      token.slice(0, -1),
      token.slice(0, token.length / 2),
      `ics_${header}.${payload}.`,
      `ics_${header}.${other}.${signature}`,
      `ics_${encode({ alg: 'none' })}.${payload}.`,
      `ics_${encode({ alg: 'none' })}.${payload}.${signature}`,
      resign({ alg: 'HS256' }, claims),
      resign({ alg: 'HS256' }, claims, ''),
      resign({ alg: 'HS512' }, claims),
      `ics_${'a'.repeat(5_000)}`,
      token.replace('ics_', 'ic_'),
    ];
    for (const text of forged) {
      const { status, codes } = await askWith(gateway, text, VIEWER);
      expect([text.slice(0, 40), status, codes]).toEqual([text.slice(0, 40), 401, ['UNAUTHENTICATED']]);
    }
    expect((await openSocket(gateway, { authorization: `Bearer ${forged[6]}` }).closed).code).toBe(4401);
    expect((await askWith(gateway, token, VIEWER)).status).toBe(200);
  });

  it('is refused if it was signed for another purpose, or in the future', async () => {
    const { gateway, clock, chatbotId } = await openWithClock();
    const { token } = await openSession(gateway, chatbotId);
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const [key] = gateway.deps.sealer.deriveKeys('session-token');
    const session = { ...claims, tokenId: claims.jti, accountId: claims.account, chatbotId, visitorId: claims.visitor };
    const sign = (signingKey: Uint8Array, now: number) =>
      signSessionToken(signingKey, { ...session, expiresAtMs: now + 10 * MINUTES }, now);
    const [cursorKey] = gateway.deps.sealer.deriveKeys('cursor');
    if (key === undefined || cursorKey === undefined) throw new Error('There is no key.');
    expect((await askWith(gateway, await sign(key, clock.now()), VIEWER)).status).toBe(200);
    expect((await askWith(gateway, await sign(cursorKey, clock.now()), VIEWER)).codes).toEqual(['UNAUTHENTICATED']);
    expect((await askWith(gateway, await sign(key, clock.now() + 5 * MINUTES), VIEWER)).codes).toEqual([
      'UNAUTHENTICATED',
    ]);
  });

  it('is refused with SESSION_EXPIRED after 10 minutes, and its open sockets with 4403 after 10 seconds more', async () => {
    const { gateway, clock, chatbotId } = await openWithClock();
    const { token } = await openSession(gateway, chatbotId);
    const socket = openSocket(gateway, { authorization: `Bearer ${token}` });
    await socket.connected;
    clock.advance(10 * MINUTES - 1_000);
    expect((await askWith(gateway, token, VIEWER)).status).toBe(200);
    clock.advance(1_000);
    const { status, codes } = await askWith(gateway, token, VIEWER);
    expect([status, codes]).toEqual([401, ['SESSION_EXPIRED']]);
    expect((await openSocket(gateway, { authorization: `Bearer ${token}` }).closed).code).toBe(4403);
    clock.advance(10_000);
    expect(await socket.closed).toEqual({ code: 4403, reason: 'Token expired' });
  });

  it('keeps open sockets if the session was renewed in time', async () => {
    const { gateway, clock, chatbotId } = await openWithClock();
    const { token, renewal_token } = await openSession(gateway, chatbotId);
    const socket = openSocket(gateway, { authorization: `Bearer ${token}` });
    await socket.connected;
    clock.advance(9 * MINUTES);
    const renewed = await renew(gateway, renewal_token);
    clock.advance(2 * MINUTES);
    await gateway.deps.sessionTokens.refresh();
    expect(await socket.execute('{ viewer { kind } }')).toEqual({ data: { viewer: { kind: 'SESSION' } } });
    expect((await askWith(gateway, token, VIEWER)).codes).toEqual(['SESSION_EXPIRED']);
    expect((await askWith(gateway, renewed.token, VIEWER)).status).toBe(200);
    clock.advance(9 * MINUTES);
    expect((await socket.closed).code).toBe(4403);
  });
});

describe('revokeSessionToken', () => {
  it('ends the requests, the sockets, the streams and the renewal of the session, and of no other', async () => {
    const { gateway, chatbotId } = await open();
    const [target, other] = [await createToken(gateway, { chatbotId }), await createToken(gateway, { chatbotId })];
    const sockets = [target, other].map(({ token }) => openSocket(gateway, { authorization: `Bearer ${token}` }));
    await Promise.all(sockets.map(({ connected }) => connected));
    const answer = await mutate<object>(
      gateway,
      'revokeSessionToken',
      { id: target.sessionToken.id },
      { selection: 'sessionToken { revokedAt }' },
    );
    expect(answer).toMatchObject({ sessionToken: { revokedAt: expect.any(String) } });
    expect((await sockets[0]?.closed)?.code).toBe(4401);
    expect((await askWith(gateway, target.token, VIEWER)).codes).toEqual(['UNAUTHENTICATED']);
    expect((await requestRenewal(gateway, target.renewalToken)).status).toBe(401);
    expect((await askWith(gateway, other.token, VIEWER)).status).toBe(200);
    sockets[1]?.close();
  });
});

describe('blockVisitor', () => {
  it('ends the sessions of the visitor, and refuses new ones', async () => {
    const { gateway, chatbotId } = await open();
    const created = await createToken(gateway, { chatbotId, visitor: { externalId: 'u-1' } });
    const socket = openSocket(gateway, { authorization: `Bearer ${created.token}` });
    await socket.connected;
    const { replyId } = await send(gateway, { chatbotId, content: 'Hello' });
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    await mutate(gateway, 'blockVisitor', { id: created.sessionToken.visitor.id });
    expect((await socket.closed).code).toBe(4401);
    expect((await askWith(gateway, created.token, VIEWER)).codes).toEqual(['UNAUTHENTICATED']);
    expect((await requestRenewal(gateway, created.renewalToken)).status).toBe(403);
    const input = { chatbotId, visitor: { externalId: 'u-1' } };
    expect(await mutate(gateway, 'createSessionToken', input)).toMatchObject({ code: 'VISITOR_BLOCKED' });
  });

  it('blocks an address until a time, and ends the block', async () => {
    const { gateway, clock, chatbotId } = await openWithClock();
    const { token, renewal_token } = await openSession(gateway, chatbotId);
    const socket = openSocket(gateway, { authorization: `Bearer ${token}` });
    await socket.connected;
    const until = new Date(clock.now() + 5 * MINUTES).toISOString();
    const block = (fields: object) =>
      mutate<object>(
        gateway,
        'blockVisitor',
        { address: '127.0.0.1', ...fields },
        { selection: 'addressBlock { network until }' },
      );
    expect(await block({ until })).toMatchObject({ addressBlock: { network: '127.0.0.1' } });
    expect((await socket.closed).code).toBe(4401);
    const { status, codes } = await askWith(gateway, token, VIEWER);
    expect([status, codes]).toEqual([403, ['VISITOR_BLOCKED']]);
    expect((await requestSession(gateway, chatbotId)).status).toBe(403);
    expect((await requestRenewal(gateway, renewal_token)).status).toBe(403);
    const list = '{ viewer { account { addressBlocks { network } } } }';
    expect((await gateway.graphql<object>(list)).data).toEqual({
      viewer: { account: { addressBlocks: [{ network: '127.0.0.1' }] } },
    });
    clock.advance(5 * MINUTES);
    expect((await requestSession(gateway, chatbotId)).status).toBe(201);
    await block({ until: new Date(clock.now() + MINUTES).toISOString() });
    expect((await requestSession(gateway, chatbotId)).status).toBe(403);
    await block({ isBlocked: false });
    expect((await requestSession(gateway, chatbotId)).status).toBe(201);
  });
});

describe('a public chatbot', () => {
  it('opens a session for a page of an allowed origin, without a key', async () => {
    const { gateway, chatbotId } = await open();
    const response = await requestSession(gateway, chatbotId, {
      body: { visitor: { name: 'Ada', email: 'ada@example.com', custom_data: { plan: 'pro' } } },
    });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([201, SHOP]);
    const session = await response.json();
    expect(session).toEqual({
      token: expect.stringMatching(/^ics_/),
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/),
      renewal_token: expect.stringMatching(/^icr_/),
      visitor_id: expect.any(String),
    });
    const query = `query ($id: ID!) { node(id: $id) { ... on Visitor { name email customData isVerified externalId } } }`;
    expect((await gateway.graphql<object>(query, { id: (session as { visitor_id: string }).visitor_id })).data).toEqual(
      {
        node: {
          name: 'Ada',
          email: 'ada@example.com',
          customData: { plan: 'pro' },
          isVerified: false,
          externalId: null,
        },
      },
    );
  });

  it.each([
    [null, 403],
    ['null', 403],
    ['https://shop.example:8443', 403],
    ['https://shop.example.evil.example', 403],
    ['https://evil-shop.example', 403],
    ['http://shop.example', 403],
    ['HTTPS://SHOP.EXAMPLE', 403],
    [SHOP, 201],
  ])('answers the origin %s with %d', async (origin, status) => {
    const { gateway, chatbotId } = await open();
    const response = await requestSession(gateway, chatbotId, { origin });
    expect(response.status).toBe(status);
    if (origin !== SHOP) expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('opens a session for its own pages', async () => {
    const { gateway, chatbotId } = await open();
    expect((await requestSession(gateway, chatbotId, { origin: gateway.url })).status).toBe(201);
  });

  it('answers 404 for a chatbot that is not public, unknown, deleted, or no id', async () => {
    const { gateway } = await open();
    const deleted = await createPublicChatbot(gateway);
    await mutate(gateway, 'deleteChatbot', { id: deleted });
    const ids = [await createChatbot(gateway), deleted, '01890000-0000-7000-8000-000000000003', 'demo', '%00'];
    for (const id of ids) {
      const response = await requestSession(gateway, id);
      expect([id, response.status, await response.json()]).toEqual([id, 404, { detail: 'Not Found' }]);
    }
  });

  it.each([
    [{ visitor: { email: 'ada' } }, 400],
    [{ visitor: { name: 5 } }, 400],
    [{ visitor: [] }, 400],
    [{ visitor: { externalId: 'u-1' } }, 201],
  ])('answers the body %j with %d', async (body, status) => {
    const { gateway, chatbotId } = await open();
    expect((await requestSession(gateway, chatbotId, { body })).status).toBe(status);
  });

  it('refuses new sessions while it is paused, and lets the others go on', async () => {
    const { gateway, chatbotId } = await open();
    const { token, renewal_token } = await openSession(gateway, chatbotId);
    await mutate(gateway, 'updateChatbot', { id: chatbotId, isActive: false });
    expect((await requestSession(gateway, chatbotId)).status).toBe(400);
    expect((await askWith(gateway, token, VIEWER)).status).toBe(200);
    expect((await requestRenewal(gateway, renewal_token)).status).toBe(200);
  });

  it('limits the sessions that one address starts', async () => {
    const gateway = await startGateway({ env: { ANONYMOUS_REQUESTS_PER_MINUTE: '0' } });
    onTestFinished(() => gateway.close());
    const chatbotId = await createPublicChatbot(gateway);
    const statuses: number[] = [];
    for (let n = 0; n < 200; n++) statuses.push((await requestSession(gateway, chatbotId)).status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(30);
    expect(statuses.filter((status) => status === 429)).toHaveLength(170);
    const { count } = await gateway.deps.db.read
      .selectFrom('visitors')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    expect(Number(count)).toBe(30);
    expect((await requestSession(gateway, await createPublicChatbot(gateway))).status).toBe(201);
  });
});

describe('the origin of a token', () => {
  it('is the only one that may use it, over HTTP and WebSocket', async () => {
    const { gateway } = await open();
    const other = 'https://other.example';
    const chatbotId = await createPublicChatbot(gateway, { origins: [SHOP, other] });
    const { token } = await openSession(gateway, chatbotId);
    const { status, codes } = await askWith(gateway, token, VIEWER, { origin: other });
    expect([status, codes]).toEqual([403, ['ORIGIN_NOT_ALLOWED']]);
    expect((await askWith(gateway, token, VIEWER, { origin: null })).status).toBe(200);
  });

  it('is let through by CORS while an active public chatbot lists it', async () => {
    const { gateway } = await open();
    const origin = 'https://listed.example';
    const chatbotId = await createPublicChatbot(gateway, { origins: [origin] });
    const isLetThrough = async () => {
      const { headers } = await gateway.fetch('/graphql', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      return headers.get('access-control-allow-origin') === origin;
    };
    expect(await isLetThrough()).toBe(true);
    for (const [change, isAllowed] of [
      [{ isActive: false }, false],
      [{ isActive: true }, true],
      [{ isPublic: false }, false],
      [{ isPublic: true, allowedOrigins: [SHOP] }, false],
      [{ allowedOrigins: [origin] }, true],
      [{ allowedOrigins: null }, false],
    ] as const) {
      await mutate(gateway, 'updateChatbot', { id: chatbotId, ...change });
      expect([change, await isLetThrough()]).toEqual([change, isAllowed]);
    }
  });

  it.each([
    'null',
    '*',
    'shop.example',
    'https://shop.example/',
    'https://*.example',
    'HTTPS://shop.example',
    'file://x',
    '',
  ])('may not be %s', async (origin) => {
    const { gateway, chatbotId } = await open();
    const input = { id: chatbotId, allowedOrigins: [origin] };
    expect(await mutate(gateway, 'updateChatbot', input)).toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('a renewal', () => {
  it('gives a token for the same visitor, and ends the session if an old one is used again', async () => {
    const { gateway, clock, chatbotId } = await openWithClock();
    const first = await openSession(gateway, chatbotId);
    clock.advance(9 * MINUTES);
    const second = await renew(gateway, first.renewal_token);
    expect(second.visitor_id).toBe(first.visitor_id);
    expect(second.token).not.toBe(first.token);
    expect(second.renewal_token).not.toBe(first.renewal_token);
    clock.advance(11_000);
    const stolen = await requestRenewal(gateway, first.renewal_token);
    expect([stolen.status, await stolen.json()]).toEqual([401, { detail: 'Unauthorized' }]);
    expect((await requestRenewal(gateway, second.renewal_token)).status).toBe(401);
    expect((await askWith(gateway, second.token, VIEWER)).codes).toEqual(['UNAUTHENTICATED']);
  });

  it('gives two tabs that renew at the same time the same successor', async () => {
    const { gateway, chatbotId } = await open();
    const { renewal_token } = await openSession(gateway, chatbotId);
    const renewed = await Promise.all(Array.from({ length: 8 }, () => renew(gateway, renewal_token)));
    expect(new Set(renewed.map((session) => session.renewal_token)).size).toBe(1);
    for (const { token } of renewed) expect((await askWith(gateway, token, VIEWER)).status).toBe(200);
    const next = await renew(gateway, renewed[0]?.renewal_token ?? '');
    expect((await askWith(gateway, next.token, VIEWER)).status).toBe(200);
  });

  it('works for 30 days after the last one', async () => {
    const { gateway, clock, chatbotId } = await openWithClock();
    const { renewal_token } = await openSession(gateway, chatbotId);
    clock.advance(29 * 24 * 60 * MINUTES);
    const renewed = await renew(gateway, renewal_token);
    clock.advance(31 * 24 * 60 * MINUTES);
    expect((await requestRenewal(gateway, renewed.renewal_token)).status).toBe(401);
  });

  it('is refused from another origin, and without one', async () => {
    const { gateway, chatbotId } = await open();
    const { renewal_token } = await openSession(gateway, chatbotId);
    for (const origin of ['https://evil.example', 'https://shop.example:444', 'null', null]) {
      expect((await requestRenewal(gateway, renewal_token, { origin })).status).toBe(403);
    }
    expect((await requestRenewal(gateway, renewal_token)).status).toBe(200);
  });

  it('is refused for a forged credential, which ends nothing', async () => {
    const { gateway, chatbotId } = await open();
    const { renewal_token, token } = await openSession(gateway, chatbotId);
    const [head = '', number = '', mac = ''] = renewal_token.split('.');
    const forged = [`${head}.1.${mac}`, `${head}.${number}.${'A'.repeat(43)}`, `${head}.${number}`, '', token, 'icr_'];
    for (const text of forged) expect([text, (await requestRenewal(gateway, text)).status]).toEqual([text, 401]);
    expect((await requestRenewal(gateway, renewal_token)).status).toBe(200);
  });

  it('stores only the hash of the credential', async () => {
    const { gateway, chatbotId } = await open();
    const session = await openSession(gateway, chatbotId);
    const rows = await gateway.deps.db.read.selectFrom('session_tokens').selectAll().execute();
    const stored = JSON.stringify(rows);
    for (const secret of [session.token, session.renewal_token, session.renewal_token.split('.')[2] ?? '']) {
      expect(stored).not.toContain(secret);
      expect(JSON.stringify(gateway.logs)).not.toContain(secret);
    }
  });
});

describe('what another process has committed', () => {
  it('ends sessions within 2 seconds, also without an announcement', async () => {
    const { gateway, chatbotId } = await open();
    const created = await createToken(gateway, { chatbotId });
    expect((await askWith(gateway, created.token, VIEWER)).status).toBe(200);
    await gateway.deps.db.transaction((trx) =>
      trx
        .updateTable('session_tokens')
        .set({ revoked_at: new Date(gateway.deps.clock.now()).toISOString() as never })
        .where('id', '=', created.sessionToken.id)
        .execute(),
    );
    await vi.waitFor(
      async () => expect((await askWith(gateway, created.token, VIEWER)).codes).toEqual(['UNAUTHENTICATED']),
      { timeout: 2_000, interval: 50 },
    );
  });
});
