import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { AUDIENCE, startOidcServer } from '../../helpers/oidc/oidc-server.ts';
import { ACCOUNT, askViewer, startSignInGateway } from '../../helpers/oidc/sign-in-gateway.ts';
import { openSocket } from '../../helpers/sockets.ts';

const DEACTIVATE =
  'mutation ($id: ID!) { deactivateMember(input: { id: $id }) { ... on DeactivateMemberPayload { member { isActive } } } }';
const REACTIVATE =
  'mutation ($id: ID!) { reactivateMember(input: { id: $id }) { ... on ReactivateMemberPayload { member { isActive } } } }';

/** Starts an OpenID Connect server, and a gateway with two accounts of which the server may name the first. */
async function open(subjects: readonly string[] = ['ada']) {
  const server = await startOidcServer(subjects);
  const file = join(await mkdtemp(join(tmpdir(), 'issuers-')), 'issuers.json');
  const claims = { account: 'account', scopes: ['roles', 'chatgraph'] };
  const issuer = { issuer: server.issuer, audience: AUDIENCE, accounts: [ACCOUNT], claims };
  await writeFile(file, JSON.stringify([{ ...issuer, roles: { agent: ['READ', 'MANAGE'] } }]));
  const gateway = await startSignInGateway({ OIDC_ISSUERS_FILE: file });
  return { server, gateway, foreign: await gateway.createTenant() };
}

describe('a token of an issuer', () => {
  it('signs a person in as a member with the scopes of its claims', async () => {
    const { server, gateway } = await open();
    const claims = { account: gateway.accountId, name: 'Ada', email: 'ada@example.com' };
    const token = await server.signIn('ada', { ...claims, roles: { chatgraph: ['agent', 'unknown'] } });
    const first = await askViewer(gateway, token);
    expect(first).toEqual({
      status: 200,
      viewer: {
        kind: 'OAUTH',
        scopes: ['READ', 'MANAGE'],
        apiKey: null,
        account: { id: gateway.accountId },
        member: { id: expect.any(String), name: 'Ada', email: 'ada@example.com', isActive: true },
      },
    });
    expect(await askViewer(gateway, token)).toEqual(first);
    const renamed = await askViewer(gateway, await server.signIn('ada', { ...claims, name: 'Ada L.' }));
    expect(renamed.viewer?.member).toEqual({ ...first.viewer?.member, name: 'Ada L.' });
    expect(renamed.viewer?.scopes).toEqual(['READ']);
  });

  it('is refused with 401 when it names an account that the issuer may not name, or none', async () => {
    const { server, gateway, foreign } = await open();
    for (const account of [foreign.accountId, 'unknown', 'a\0b', '', 5, undefined, [ACCOUNT]]) {
      const { status, code } = await askViewer(gateway, await server.signIn('ada', { account }));
      expect([status, code]).toEqual([401, 'UNAUTHENTICATED']);
    }
  });

  it('is refused while its account does not exist, which the gateway logs at its start', async () => {
    const server = await startOidcServer(['ada']);
    const env = { OIDC_ISSUER: server.issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_ACCOUNT: 'Shop' };
    const gateway = await startSignInGateway(env);
    expect((await askViewer(gateway, await server.signIn('ada'))).status).toBe(401);
    expect(gateway.logs).toContainEqual(
      expect.objectContaining({ account: 'Shop', msg: 'the account of an issuer does not exist' }),
    );
  });

  it('works after the issuer has rotated its keys, and one of the old keys no longer does', async () => {
    const { server, gateway } = await open(['ada', 'grace']);
    const account = ACCOUNT;
    const old = await server.signIn('ada', { account });
    expect((await askViewer(gateway, old)).status).toBe(200);
    await server.rotateKeys();
    expect((await askViewer(gateway, await server.signIn('grace', { account }))).status).toBe(200);
    expect(await askViewer(gateway, old)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
  });
});

describe('deactivateMember', () => {
  it('refuses requests, closes sockets with 4401 and ends streams, until the member is reactivated', async () => {
    const { server, gateway } = await open();
    const token = await server.signIn('ada', { account: ACCOUNT });
    const id = (await askViewer(gateway, token)).viewer?.member?.id;
    const socket = openSocket(gateway, { authorization: `Bearer ${token}` });
    await socket.connected;
    const { conversationId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello' });
    const stream = await gateway.fetch('/graphql', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'text/event-stream',
      },
      body: JSON.stringify({
        query: 'subscription ($id: ID!) { conversationEvents(conversationId: $id) { __typename } }',
        variables: { id: conversationId },
      }),
    });
    expect(stream.status).toBe(200);

    const result = await gateway.graphql(DEACTIVATE, { id }, gateway.key);
    expect(result.data).toEqual({ deactivateMember: { member: { isActive: false } } });
    expect(await socket.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
    expect(await stream.text()).toMatch(/"code":"UNAUTHENTICATED".*\n\nevent: complete\n/);
    expect(await askViewer(gateway, token)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect((await openSocket(gateway, { authorization: `Bearer ${token}` }).closed).code).toBe(4401);

    await gateway.graphql(REACTIVATE, { id }, gateway.key);
    expect((await askViewer(gateway, token)).viewer?.member?.id).toBe(id);
    const newSocket = openSocket(gateway, { authorization: `Bearer ${token}` });
    expect(await newSocket.execute('{ viewer { kind } }')).toEqual({ data: { viewer: { kind: 'OAUTH' } } });
    newSocket.close();
  });
});
