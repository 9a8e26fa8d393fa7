import { SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createManualClock } from '../helpers/clock.ts';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { openSharedGateway } from '../helpers/shared-gateway.ts';
import { openSocket } from '../helpers/sockets.ts';
import { SECRET_KEY } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';
import {
  askWith,
  createPublicChatbot,
  openSession,
  type RestSession,
  renew,
  requestRenewal,
  requestSession,
} from './support.ts';

const IDENTIFY = `mutation ($identity: String!) { identifyVisitor(input: { identity: $identity }) {
  ... on IdentifyVisitorPayload { visitor { id externalId name isVerified conversations { nodes { id } } } }
  ... on Error { code message }
} }`;
const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { conversation { id visitor { id } } } ... on Error { code message }
} }`;
const VISITOR = '{ viewer { visitor { id externalId } sessionToken { visitor { id } } } }';
const LOG = `query ($id: ID!) { conversation(id: $id) {
  visitor { id isVerified leads { nodes { email } } } messages { nodes { content } }
} }`;

interface Identified {
  readonly visitor?: { readonly id: string; readonly conversations: { readonly nodes: readonly { id: string }[] } };
  readonly code?: string;
  readonly message?: string;
}

async function prepare(gateway: TestGateway) {
  const chatbotId = await createPublicChatbot(gateway);
  const { secret } = await mutate<{ secret: string }>(
    gateway,
    'rotateIdentitySecret',
    { chatbotId },
    { selection: 'secret' },
  );
  const sign = (userId: string, claims: object = {}) =>
    new SignJWT({ user_id: userId, ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(4_000_000_000)
      .sign(new TextEncoder().encode(secret));
  const ask = async <T>(token: string, query: string, variables: object) =>
    (await askWith(gateway, token, query, { variables })).data as unknown as T;
  const identify = async (token: string, identity: string) =>
    (await ask<{ identifyVisitor: Identified }>(token, IDENTIFY, { identity })).identifyVisitor;
  const send = async (token: string, input: object) =>
    (await ask<{ sendMessage: { conversation: { id: string; visitor: { id: string } } } }>(token, SEND, { input }))
      .sendMessage.conversation;
  const start = (token: string) => send(token, { chatbotId, content: 'Hello' });
  const visitorOf = async (token: string) =>
    (await ask<{ viewer: { visitor: { id: string }; sessionToken: { visitor: { id: string } } } }>(token, VISITOR, {}))
      .viewer;
  return { gateway, chatbotId, sign, identify, send, start, visitorOf };
}

const open = async () => prepare(await openSharedGateway({ env: { SECRET_KEY } }));

describe('identifyVisitor', () => {
  it('moves the conversations and leads of an anonymous visitor to the verified one, with whole logs', async () => {
    const { gateway, chatbotId, sign, identify, start, send, visitorOf } = await open();
    const known = await requestSession(gateway, chatbotId, { body: { identity: await sign('u-1', { name: 'Ada' }) } });
    const { visitor_id: knownId } = (await known.json()) as { visitor_id: string };
    const session = await openSession(gateway, chatbotId);
    const first = await start(session.token);
    const second = await start(session.token);
    await mutate(gateway, 'captureLead', { conversationId: first.id, email: 'ada@example.com' });

    const { visitor } = await identify(session.token, await sign('u-1'));
    expect(visitor).toMatchObject({ id: knownId, externalId: 'u-1', name: 'Ada', isVerified: true });
    expect(visitor?.conversations.nodes.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
    expect(await visitorOf(session.token)).toEqual({
      visitor: { id: knownId, externalId: 'u-1' },
      sessionToken: { visitor: { id: knownId } },
    });
    expect((await gateway.graphql(LOG, { id: first.id })).data).toMatchObject({
      conversation: {
        visitor: { id: knownId, leads: { nodes: [{ email: 'ada@example.com' }] } },
      },
    });

    // The running session continues its conversation, and the next token means the same visitor.
    expect((await send(session.token, { conversationId: first.id, content: 'Again' })).visitor.id).toBe(knownId);
    expect((await start(session.token)).visitor.id).toBe(knownId);
    const renewed = await renew(gateway, session.renewal_token);
    expect(renewed.visitor_id).toBe(knownId);
    expect((await visitorOf(renewed.token)).visitor.id).toBe(knownId);
    const events = await gateway.deps.db.read
      .selectFrom('conversation_events')
      .select('number')
      .where('conversation_id', '=', first.id)
      .orderBy('number')
      .execute();
    expect(events.map(({ number }) => number)).toEqual(events.map((_event, index) => index + 1));
    const { data } = await gateway.graphql('query ($id: ID!) { node(id: $id) { id } }', { id: session.visitor_id });
    expect(data).toEqual({ node: null });
  });

  it('changes only the details if the session has this visitor already, and refuses another visitor', async () => {
    const { gateway, chatbotId, sign, identify, start, visitorOf } = await open();
    const { token, visitor_id, renewal_token } = await openSession(gateway, chatbotId);
    const conversation = await start(token);
    const joined = await identify(token, await sign('u-1'));
    expect(joined.visitor?.id).not.toBe(visitor_id);
    const again = await identify(token, await sign('u-1', { name: 'Ada' }));
    expect(again.visitor).toEqual({ ...joined.visitor, name: 'Ada' });

    expect(await identify(token, await sign('u-2'))).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('The session belongs to another visitor.'),
    });
    const refused = await requestRenewal(gateway, renewal_token, { body: { identity: await sign('u-2') } });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('another visitor')]);
    expect((await visitorOf(token)).visitor.id).toBe(joined.visitor?.id);
    expect((await gateway.graphql(LOG, { id: conversation.id })).data).toMatchObject({
      conversation: { visitor: { id: joined.visitor?.id } },
    });
    // The refusal has not used up the renewal token.
    expect((await renew(gateway, renewal_token)).visitor_id).toBe(joined.visitor?.id);
  });

  it('refuses an identity that is not valid, a blocked visitor, and an API key', async () => {
    const { gateway, chatbotId, sign, identify, visitorOf } = await open();
    const { token, visitor_id } = await openSession(gateway, chatbotId);
    for (const identity of ['', 'a.b.c', (await sign('u-1')).slice(0, -3), 'x'.repeat(10_000)]) {
      expect((await identify(token, identity)).code).toBe('INVALID_INPUT');
    }
    const blocked = await openSession(gateway, chatbotId, { body: { identity: await sign('u-9') } });
    await mutate(gateway, 'blockVisitor', { id: blocked.visitor_id });
    expect((await identify(token, await sign('u-9', { name: 'Eve' }))).code).toBe('VISITOR_BLOCKED');
    expect((await visitorOf(token)).visitor.id).toBe(visitor_id);
    const byKey = await gateway.graphql(IDENTIFY, { identity: await sign('u-1') });
    expect(byKey.data).toMatchObject({ identifyVisitor: { code: 'INVALID_INPUT' } });
  });

  it('joins once when tabs of several sessions identify at the same time, while a message is sent', async () => {
    const { gateway, chatbotId, sign, identify, start, visitorOf } = await open();
    const sessions = await Promise.all(Array.from({ length: 3 }, () => openSession(gateway, chatbotId)));
    const conversations = await Promise.all(sessions.map(({ token }) => start(token)));
    const identity = await sign('u-1');
    const sends: Promise<{ id: string }>[] = [];
    const identified = await Promise.all(
      sessions.flatMap(({ token }) => {
        const first = identify(token, identity);
        sends.push(start(token));
        return [first, identify(token, identity)];
      }),
    );
    const ids = new Set(identified.map(({ visitor }) => visitor?.id));
    expect([ids.size, ids.has(undefined)]).toEqual([1, false]);
    const started = await Promise.all(sends);
    const [id] = ids;
    for (const { token } of sessions) expect((await visitorOf(token)).visitor.id).toBe(id);
    const rows = await gateway.deps.db.read
      .selectFrom('conversations')
      .select(['id', 'visitor_id'])
      .where('chatbot_id', '=', chatbotId)
      .execute();
    expect(rows.map((row) => row.id).sort()).toEqual([...conversations, ...started].map((each) => each.id).sort());
    expect(new Set(rows.map((row) => row.visitor_id))).toEqual(new Set([id]));
  });

  it('keeps the visitor of a socket that outlives the record of the join', async () => {
    const clock = createManualClock();
    const gateway = await startGateway({ env: { SECRET_KEY }, overrides: { clock } });
    onTestFinished(() => gateway.close());
    const { chatbotId, sign, identify } = await prepare(gateway);
    const created = await mutate<{ token: string; renewalToken: string }>(
      gateway,
      'createSessionToken',
      { chatbotId, expiresInSeconds: 3_600 },
      { selection: 'token renewalToken' },
    );
    const socket = openSocket(gateway, { authorization: `Bearer ${created.token}` });
    await socket.connected;
    const { visitor } = await identify(created.token, await sign('u-1'));
    clock.advance(3_500_000);
    await renew(gateway, created.renewalToken);
    clock.advance(200_000);
    await gateway.deps.sessionTokens.refresh();
    expect(await socket.execute(VISITOR)).toMatchObject({ data: { viewer: { visitor: { id: visitor?.id } } } });
    socket.close();
  });
});

describe('the identity of a renewal', () => {
  it('identifies the visitor, and the token before it means the same visitor', async () => {
    const { gateway, chatbotId, sign, start, visitorOf } = await open();
    const session = await openSession(gateway, chatbotId);
    const conversation = await start(session.token);
    const invalid = await requestRenewal(gateway, session.renewal_token, { body: { identity: 'a.b.c' } });
    expect(invalid.status).toBe(400);
    const body = { identity: await sign('u-1') };
    const tabs = await Promise.all([1, 2].map(() => requestRenewal(gateway, session.renewal_token, { body })));
    expect(tabs.map(({ status }) => status)).toEqual([200, 200]);
    const [{ token, visitor_id }] = (await Promise.all(tabs.map((tab) => tab.json()))) as [RestSession];
    expect(visitor_id).not.toBe(session.visitor_id);
    for (const each of [token, session.token]) expect((await visitorOf(each)).visitor.id).toBe(visitor_id);
    expect((await gateway.graphql(LOG, { id: conversation.id })).data).toMatchObject({
      conversation: { visitor: { id: visitor_id, isVerified: true } },
    });
  });

  it('moves nothing if the renewal token was used too long ago', async () => {
    const clock = createManualClock();
    const gateway = await startGateway({ env: { SECRET_KEY }, overrides: { clock } });
    onTestFinished(() => gateway.close());
    const { chatbotId, sign, start } = await prepare(gateway);
    const session = await openSession(gateway, chatbotId);
    const conversation = await start(session.token);
    const next = await renew(gateway, session.renewal_token);
    clock.advance(11_000);
    const body = { identity: await sign('thief') };
    expect((await requestRenewal(gateway, session.renewal_token, { body })).status).toBe(401);
    expect((await requestRenewal(gateway, next.renewal_token)).status).toBe(401);
    expect((await gateway.graphql(LOG, { id: conversation.id })).data).toMatchObject({
      conversation: { visitor: { id: session.visitor_id, isVerified: false } },
    });
  });
});

describe('messages of a visitor with a new external id', () => {
  it('create the visitor once when they are sent at the same time', async () => {
    const { gateway, chatbotId } = await open();
    const input = { chatbotId, content: 'Hello', visitor: { externalId: 'u-1' } };
    const selection = 'conversation { visitor { id } }';
    const sent = await Promise.all(
      Array.from({ length: 8 }, () =>
        mutate<{ conversation: { visitor: { id: string } } }>(gateway, 'sendMessage', input, { selection }),
      ),
    );
    expect(new Set(sent.map(({ conversation }) => conversation.visitor.id)).size).toBe(1);
  });
});

describe.skipIf(!hasPostgres)('two gateways on one Postgres', () => {
  it('both know within two seconds as whom a visitor was identified', async () => {
    const database = await createDatabase(POSTGRES);
    const env = { SECRET_KEY, REDIS_URL: '' };
    const first = await startGateway({ env, database });
    const second = await startGateway({ env, database });
    onTestFinished(async () => {
      await second.close();
      await first.close();
    });
    const { chatbotId, sign, identify, start } = await prepare(first);
    const { token } = await openSession(first, chatbotId);
    const { id } = await start(token);
    const ask = async (query: string, variables: object = {}) =>
      (
        await second.fetch('/graphql', {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
          body: JSON.stringify({ query, variables }),
        })
      ).json() as Promise<{ data?: { conversation?: { id: string; visitor: { id: string } } } }>;
    const query = 'query ($id: ID!) { conversation(id: $id) { id visitor { id } } }';
    await askWith(first, token, query, { variables: { id } });
    expect((await ask(query, { id })).data?.conversation?.id).toBe(id);
    const { visitor } = await identify(token, await sign('u-1'));
    await expect
      .poll(async () => (await ask(query, { id })).data?.conversation?.visitor.id, { timeout: 2_000 })
      .toBe(visitor?.id);
  });
});
