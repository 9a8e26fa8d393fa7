import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startGatewayWithOpenReply } from '../helpers/conversations.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { openRawSocket, type Result } from '../helpers/raw-sockets.ts';
import { MESSAGE_STREAM } from '../helpers/streams.ts';

async function openGateway(options?: GatewayOptions): Promise<TestGateway> {
  const gateway = await startGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

const codesOf = ({ errors = [] }: Result) => errors.map(({ extensions }) => extensions.code);
const VIEWER_QUERY = '{ viewer { kind } }';
const VIEWER_RESULT = { data: { viewer: { kind: 'API_KEY' } } };

describe('a credential over WebSocket', () => {
  it.each<[string, (key: string) => object]>([
    ['authorization', (key) => ({ authorization: `Bearer ${key}` })],
    ['Authorization, the scheme in lower case', (key) => ({ Authorization: `bearer ${key}` })],
    ['AUTHORIZATION', (key) => ({ AUTHORIZATION: `Bearer ${key}` })],
    ['x-api-key', (key) => ({ 'x-api-key': key })],
    ['X-API-Key', (key) => ({ 'X-API-Key': key })],
    ['headers.authorization', (key) => ({ headers: { authorization: `Bearer ${key}` } })],
    ['headers.X-Api-Key', (key) => ({ headers: { 'X-Api-Key': key } })],
  ])('is accepted for the socket as %s of connectionParams', async (_form, params) => {
    const gateway = await openGateway();
    const socket = openRawSocket(gateway);
    await socket.init(params(gateway.key));
    expect(await socket.execute(VIEWER_QUERY)).toEqual(VIEWER_RESULT);
  });

  it.each<[string, (key: string) => object]>([
    ['authorization', (key) => ({ headers: { authorization: `Bearer ${key}` } })],
    ['X-API-Key', (key) => ({ headers: { 'X-API-Key': key } })],
  ])('is accepted for one operation as %s of extensions.headers', async (_form, extensions) => {
    const gateway = await openGateway();
    const socket = openRawSocket(gateway);
    await socket.init();
    expect(await socket.execute(VIEWER_QUERY, { extensions: extensions(gateway.key) })).toEqual(VIEWER_RESULT);
    expect(codesOf(await socket.execute(VIEWER_QUERY))).toEqual(['UNAUTHENTICATED']);
    const wrong = `${gateway.key.slice(0, -1)}!`;
    expect(codesOf(await socket.execute(VIEWER_QUERY, { extensions: extensions(wrong) }))).toEqual(['UNAUTHENTICATED']);
    expect(await socket.execute('{ __typename }')).toEqual({ data: { __typename: 'Query' } });
  });

  it.each([undefined, {}, { authorization: '' }, { 'x-api-key': '' }, { headers: { 'x-api-key': '' } }])(
    'is optional: the socket is acknowledged with the connectionParams %j',
    async (params) => {
      const socket = openRawSocket(await openGateway());
      await socket.init(params);
      expect(codesOf(await socket.execute(VIEWER_QUERY))).toEqual(['UNAUTHENTICATED']);
    },
  );

  it.each<[string, (gateway: TestGateway) => Promise<object> | object]>([
    ['is malformed', () => ({ authorization: 'Bearer nonsense' })],
    ['has another scheme', ({ key }) => ({ authorization: `Basic ${key}` })],
    ['has a wrong checksum', ({ key }) => ({ 'x-api-key': `${key.slice(0, -6)}000000` })],
    ['is invalid in headers', () => ({ headers: { 'X-API-Key': 'nonsense' } })],
    ['is a number', () => ({ authorization: 5 })],
    ['is null', () => ({ 'X-API-Key': null })],
    ['is a list with a valid key', ({ key }) => ({ authorization: [`Bearer ${key}`] })],
    ['is an object in headers', ({ key }) => ({ headers: { authorization: { key } } })],
    ['was revoked', async (gateway) => ({ authorization: `Bearer ${await createRevokedKey(gateway)}` })],
  ])('closes the socket with 4401 when it %s', async (_what, paramsOf) => {
    const gateway = await openGateway();
    const payload = await paramsOf(gateway);
    const socket = openRawSocket(gateway);
    await socket.opened;
    socket.send({ type: 'connection_init', payload });
    expect(await socket.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
    expect(socket.frames).toEqual([]);
  });

  it('closes its open sockets with 4401 when it is revoked', async () => {
    const gateway = await openGateway();
    const key = await gateway.createKey(gateway.accountId, ['READ']);
    const socket = openRawSocket(gateway);
    await socket.init({ 'x-api-key': key });
    await revokeKey(gateway, key);
    expect((await socket.closed).code).toBe(4401);
  });
});

describe('the origin of a WebSocket', () => {
  const ALLOWED = { env: { ALLOWED_ORIGINS: 'https://shop.example,http://localhost:3000' } };

  it.each(['https://evil.example', 'https://shop.example.evil', 'http://shop.example', 'null', 'nonsense'])(
    '%s is rejected with 403 at the upgrade',
    async (origin) => {
      const socket = openRawSocket(await openGateway(ALLOWED), { origin });
      expect(await socket.refused).toBe(403);
    },
  );

  it.each(['https://shop.example', 'http://localhost:3000'])(
    '%s is accepted when it is in ALLOWED_ORIGINS',
    async (origin) => {
      const socket = openRawSocket(await openGateway(ALLOWED), { origin });
      await socket.init();
    },
  );

  it("is accepted when it is the gateway's own", async () => {
    const gateway = await openGateway();
    await openRawSocket(gateway, { origin: gateway.url }).init();
  });

  it('may be absent', async () => {
    await openRawSocket(await openGateway(ALLOWED)).init();
  });
});

describe('the protocol of a WebSocket', () => {
  it('is graphql-transport-ws: a socket without it is closed with 4406', async () => {
    const socket = openRawSocket(await openGateway(), {}, []);
    expect((await socket.closed).code).toBe(4406);
  });

  it.each(['nonsense', '{"type":"nonsense"}', '[]', '{"type":"subscribe","id":"1"}', '{}', ''])(
    'closes with 4400 after the message %j',
    async (message) => {
      const socket = openRawSocket(await openGateway());
      await socket.opened;
      socket.send(message);
      expect((await socket.closed).code).toBe(4400);
    },
  );

  it('closes with 4401 when an operation comes before the acknowledgement', async () => {
    const socket = openRawSocket(await openGateway());
    await socket.opened;
    socket.send({ type: 'subscribe', id: '1', payload: { query: VIEWER_QUERY } });
    expect((await socket.closed).code).toBe(4401);
  });

  it('closes with 4408 without a connection_init', async () => {
    const socket = openRawSocket(await openGateway());
    expect((await socket.closed).code).toBe(4408);
  });

  it('closes with 4429 after a second connection_init', async () => {
    const socket = openRawSocket(await openGateway());
    await socket.init();
    socket.send({ type: 'connection_init' });
    expect((await socket.closed).code).toBe(4429);
  });

  it('answers a ping with a pong', async () => {
    const socket = openRawSocket(await openGateway());
    await socket.init();
    socket.send({ type: 'ping', payload: { mark: 1 } });
    expect(await socket.waitForFrame(({ type }) => type === 'pong')).toEqual({ type: 'pong', payload: { mark: 1 } });
  });

  it('closes with 1009 after a message of more than 256 kB, and writes nothing to the console', async () => {
    const consoleError = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => consoleError.mockRestore());
    const gateway = await openGateway();
    const socket = openRawSocket(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    expect(await socket.execute(`${VIEWER_QUERY} # ${'x'.repeat(200 * 1024)}`)).toEqual(VIEWER_RESULT);
    socket.send({ type: 'subscribe', id: '1', payload: { query: `${VIEWER_QUERY} # ${'x'.repeat(256 * 1024)}` } });
    expect((await socket.closed).code).toBe(1009);
    expect(consoleError).not.toHaveBeenCalled();
    await openRawSocket(gateway).init();
  });
});

describe('operations over WebSocket', () => {
  it('include queries and mutations', async () => {
    const gateway = await openGateway();
    const socket = openRawSocket(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    const { data } = await socket.execute(
      `mutation ($input: CreateChatbotInput!) { createChatbot(input: $input) {
        ... on CreateChatbotPayload { chatbot { id name } }
      } }`,
      { variables: { input: { name: 'Over a socket' } } },
    );
    expect(data).toMatchObject({ createChatbot: { chatbot: { name: 'Over a socket' } } });
    expect(
      await socket.execute('query A { __typename } query B { chatbots { nodes { name } } }', { operationName: 'B' }),
    ).toEqual({ data: { chatbots: { nodes: [{ name: 'Over a socket' }] } } });
    const unnamed = await socket.execute('query A { viewer { kind } }', { operationName: '' });
    expect(unnamed).toEqual(VIEWER_RESULT);
    const persisted = { extensions: { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } } };
    expect(codesOf(await socket.execute('', persisted))).toEqual(['PERSISTED_QUERY_NOT_FOUND']);
    expect(codesOf(await socket.execute('{ nonsense }'))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    expect(codesOf(await socket.execute('{'))).toEqual(['GRAPHQL_PARSE_FAILED']);
    expect(codesOf(await socket.execute('query A { __typename } query B { __typename }'))).toEqual(['BAD_USER_INPUT']);
    expect(codesOf(await socket.execute('query ($id: ID!) { node(id: $id) { id } }'))).toEqual(['BAD_USER_INPUT']);
  });

  it('run at most 20 at a time: another is rejected until one has ended', async () => {
    const { gateway, engine, socket, follow } = await connectToReply();
    for (let count = 1; count <= 20; count++) follow(`${count}`);
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(20));
    expect(await socket.execute(VIEWER_QUERY)).toMatchObject({
      errors: [{ message: 'At most 20 operations may run on one socket.', extensions: { code: 'BAD_USER_INPUT' } }],
    });
    socket.send({ type: 'complete', id: '7' });
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(19));
    expect(await socket.execute(VIEWER_QUERY)).toEqual(VIEWER_RESULT);
    engine.push(delta('Hello'), finish);
    await socket.waitForFrame(({ id, type }) => id === '20' && type === 'complete');
    expect(socket.frames.filter(({ type }) => type === 'complete')).toHaveLength(20);
    expect(socket.frames.some(({ id, payload }) => id === '7' && JSON.stringify(payload).includes('Hello'))).toBe(
      false,
    );
  });

  it('have unique ids: a duplicate closes the socket with 4409 and ends its operations', async () => {
    const { gateway, socket, follow } = await connectToReply();
    follow('same');
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(1));
    follow('same');
    expect((await socket.closed).code).toBe(4409);
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(0));
  });

  it('count against the rate limit of their key, and leave the socket open when it is reached', async () => {
    const gateway = await openGateway({ env: { RATE_LIMIT_PER_MINUTE: '3' } });
    const socket = openRawSocket(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    for (let count = 0; count < 3; count++) expect(await socket.execute(VIEWER_QUERY)).toEqual(VIEWER_RESULT);
    const refused = await socket.execute(VIEWER_QUERY);
    expect(codesOf(refused)).toEqual(['RATE_LIMITED']);
    expect(refused.errors?.[0]?.extensions.retryAfterMs).toBeGreaterThan(0);
    expect(codesOf(await socket.execute(VIEWER_QUERY))).toEqual(['RATE_LIMITED']);
  });
});

/** Opens a reply, and a socket that can subscribe to it. */
async function connectToReply() {
  const { gateway, engine, replyId } = await startGatewayWithOpenReply();
  const socket = openRawSocket(gateway);
  await socket.init({ 'x-api-key': gateway.key });
  const payload = { query: MESSAGE_STREAM, variables: { messageId: replyId } };
  return { gateway, engine, socket, follow: (id: string) => socket.send({ type: 'subscribe', id, payload }) };
}

async function createRevokedKey(gateway: TestGateway): Promise<string> {
  const key = await gateway.createKey(gateway.accountId, ['READ']);
  await revokeKey(gateway, key);
  return key;
}

async function revokeKey(gateway: TestGateway, key: string): Promise<void> {
  const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>(
    '{ viewer { apiKey { id } } }',
    {},
    key,
  );
  const { id } = data.viewer.apiKey;
  await gateway.graphql('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }', { id });
}
