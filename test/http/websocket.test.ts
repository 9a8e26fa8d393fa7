import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type GatewayOptions, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { connect, type Result } from '../helpers/raw-sockets.ts';
import { MESSAGE_STREAM, startReply } from '../helpers/streams.ts';

async function open(options?: GatewayOptions): Promise<TestGateway> {
  const gateway = await startGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

const codes = ({ errors = [] }: Result) => errors.map(({ extensions }) => extensions.code);
const WHO = '{ viewer { kind } }';
const VIEWER = { data: { viewer: { kind: 'API_KEY' } } };

describe('a credential over WebSocket', () => {
  it.each<[string, (key: string) => object]>([
    ['authorization', (key) => ({ authorization: `Bearer ${key}` })],
    ['Authorization, the scheme in lower case', (key) => ({ Authorization: `bearer ${key}` })],
    ['AUTHORIZATION', (key) => ({ AUTHORIZATION: `Bearer ${key}` })],
    ['x-api-key', (key) => ({ 'x-api-key': key })],
    ['X-API-Key', (key) => ({ 'X-API-Key': key })],
    ['headers.authorization', (key) => ({ headers: { authorization: `Bearer ${key}` } })],
    ['headers.X-Api-Key', (key) => ({ headers: { 'X-Api-Key': key } })],
  ])('is valid for the socket as %s of connectionParams', async (_form, params) => {
    const gateway = await open();
    const socket = connect(gateway);
    await socket.init(params(gateway.key));
    expect(await socket.ask(WHO)).toEqual(VIEWER);
  });

  it.each<[string, (key: string) => object]>([
    ['authorization', (key) => ({ headers: { authorization: `Bearer ${key}` } })],
    ['X-API-Key', (key) => ({ headers: { 'X-API-Key': key } })],
  ])('is valid for one operation as %s of extensions.headers', async (_form, extensions) => {
    const gateway = await open();
    const socket = connect(gateway);
    await socket.init();
    expect(await socket.ask(WHO, { extensions: extensions(gateway.key) })).toEqual(VIEWER);
    expect(codes(await socket.ask(WHO))).toEqual(['UNAUTHENTICATED']);
    const wrong = `${gateway.key.slice(0, -1)}!`;
    expect(codes(await socket.ask(WHO, { extensions: extensions(wrong) }))).toEqual(['UNAUTHENTICATED']);
    expect(await socket.ask('{ __typename }')).toEqual({ data: { __typename: 'Query' } });
  });

  it.each([undefined, {}, { authorization: '' }, { 'x-api-key': '' }, { headers: { 'x-api-key': '' } }])(
    'is absent from %j: the socket is acknowledged',
    async (params) => {
      const socket = connect(await open());
      await socket.init(params);
      expect(codes(await socket.ask(WHO))).toEqual(['UNAUTHENTICATED']);
    },
  );

  it.each<[string, (gateway: TestGateway) => Promise<object> | object]>([
    ['is malformed', () => ({ authorization: 'Bearer nonsense' })],
    ['has another scheme', ({ key }) => ({ authorization: `Basic ${key}` })],
    ['has a wrong checksum', ({ key }) => ({ 'x-api-key': `${key.slice(0, -6)}000000` })],
    ['is in headers and wrong', () => ({ headers: { 'X-API-Key': 'nonsense' } })],
    ['was revoked', async (gateway) => ({ authorization: `Bearer ${await revokedKey(gateway)}` })],
  ])('closes the socket with 4401 when it %s', async (_what, paramsOf) => {
    const gateway = await open();
    const payload = await paramsOf(gateway);
    const socket = connect(gateway);
    await socket.opened;
    socket.send({ type: 'connection_init', payload });
    expect(await socket.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
    expect(socket.frames).toEqual([]);
  });

  it('closes its open sockets with 4401 when it is revoked', async () => {
    const gateway = await open();
    const key = await gateway.createKey(gateway.accountId, ['READ']);
    const socket = connect(gateway);
    await socket.init({ 'x-api-key': key });
    await revoke(gateway, key);
    expect((await socket.closed).code).toBe(4401);
  });
});

describe('the origin of a WebSocket', () => {
  const ALLOWED = { env: { ALLOWED_ORIGINS: 'https://shop.example,http://localhost:3000' } };

  it.each(['https://evil.example', 'https://shop.example.evil', 'http://shop.example', 'null', 'nonsense'])(
    '%s is rejected with 403 at the upgrade',
    async (origin) => {
      const socket = connect(await open(ALLOWED), { origin });
      expect(await socket.refused).toBe(403);
    },
  );

  it.each(['https://shop.example', 'http://localhost:3000'])('%s is accepted, as it is allowed', async (origin) => {
    const socket = connect(await open(ALLOWED), { origin });
    await socket.init();
  });

  it("is accepted when it is the gateway's own", async () => {
    const gateway = await open();
    await connect(gateway, { origin: gateway.url }).init();
  });

  it('may be absent', async () => {
    await connect(await open(ALLOWED)).init();
  });
});

describe('the protocol of a WebSocket', () => {
  it('is graphql-transport-ws: a socket without it is closed with 4406', async () => {
    const socket = connect(await open(), {}, []);
    expect((await socket.closed).code).toBe(4406);
  });

  it.each(['nonsense', '{"type":"nonsense"}', '[]', '{"type":"subscribe","id":"1"}', '{}', ''])(
    'closes with 4400 after the message %j',
    async (message) => {
      const socket = connect(await open());
      await socket.opened;
      socket.send(message);
      expect((await socket.closed).code).toBe(4400);
    },
  );

  it('closes with 4401 when an operation comes before the acknowledgement', async () => {
    const socket = connect(await open());
    await socket.opened;
    socket.send({ type: 'subscribe', id: '1', payload: { query: WHO } });
    expect((await socket.closed).code).toBe(4401);
  });

  it('closes with 4408 without a connection_init', async () => {
    const socket = connect(await open());
    expect((await socket.closed).code).toBe(4408);
  });

  it('closes with 4429 after a second connection_init', async () => {
    const socket = connect(await open());
    await socket.init();
    socket.send({ type: 'connection_init' });
    expect((await socket.closed).code).toBe(4429);
  });

  it('answers a ping with a pong', async () => {
    const socket = connect(await open());
    await socket.init();
    socket.send({ type: 'ping', payload: { mark: 1 } });
    expect(await socket.receive(({ type }) => type === 'pong')).toEqual({ type: 'pong', payload: { mark: 1 } });
  });

  it('closes with 1009 after a message of more than 256 kB, and writes nothing to the console', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => print.mockRestore());
    const gateway = await open();
    const socket = connect(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    expect(await socket.ask(`${WHO} # ${'x'.repeat(200 * 1024)}`)).toEqual(VIEWER);
    socket.send({ type: 'subscribe', id: '1', payload: { query: `${WHO} # ${'x'.repeat(256 * 1024)}` } });
    expect((await socket.closed).code).toBe(1009);
    expect(print).not.toHaveBeenCalled();
    await connect(gateway).init();
  });
});

describe('operations over WebSocket', () => {
  it('are queries and mutations too', async () => {
    const gateway = await open();
    const socket = connect(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    const { data } = await socket.ask(
      `mutation ($input: CreateChatbotInput!) { createChatbot(input: $input) {
        ... on CreateChatbotPayload { chatbot { id name } }
      } }`,
      { variables: { input: { name: 'Over the wire' } } },
    );
    expect(data).toMatchObject({ createChatbot: { chatbot: { name: 'Over the wire' } } });
    expect(
      await socket.ask('query A { __typename } query B { chatbots { nodes { name } } }', { operationName: 'B' }),
    ).toEqual({ data: { chatbots: { nodes: [{ name: 'Over the wire' }] } } });
    expect(codes(await socket.ask('{ nonsense }'))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    expect(codes(await socket.ask('{'))).toEqual(['GRAPHQL_PARSE_FAILED']);
    expect(codes(await socket.ask('query A { __typename } query B { __typename }'))).toEqual(['BAD_USER_INPUT']);
    expect(codes(await socket.ask('query ($id: ID!) { node(id: $id) { id } }'))).toEqual(['BAD_USER_INPUT']);
  });

  it('run at most 20 at a time: the 21st is rejected until another has ended', async () => {
    const { gateway, engine, socket, follow } = await openAnswer();
    for (let count = 1; count <= 20; count++) follow(`${count}`);
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(20));
    expect(await socket.ask(WHO)).toMatchObject({
      errors: [{ message: 'At most 20 operations may run on one socket.', extensions: { code: 'BAD_USER_INPUT' } }],
    });
    socket.send({ type: 'complete', id: '7' });
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(19));
    expect(await socket.ask(WHO)).toEqual(VIEWER);
    engine.push(delta('Hello'), finish);
    await socket.receive(({ id, type }) => id === '20' && type === 'complete');
    expect(socket.frames.filter(({ type }) => type === 'complete')).toHaveLength(20);
    expect(socket.frames.some(({ id, payload }) => id === '7' && JSON.stringify(payload).includes('Hello'))).toBe(
      false,
    );
  });

  it('have unique ids: a duplicate closes the socket with 4409, and ends its operations', async () => {
    const { gateway, socket, follow } = await openAnswer();
    follow('same');
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(1));
    follow('same');
    expect((await socket.closed).code).toBe(4409);
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(0));
  });

  it('count against the rate limit of their key, and leave the socket open when it is reached', async () => {
    const gateway = await open({ env: { RATE_LIMIT_PER_MINUTE: '3' } });
    const socket = connect(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    for (let count = 0; count < 3; count++) expect(await socket.ask(WHO)).toEqual(VIEWER);
    const refused = await socket.ask(WHO);
    expect(codes(refused)).toEqual(['RATE_LIMITED']);
    expect(refused.errors?.[0]?.extensions.retryAfterMs).toBeGreaterThan(0);
    expect(codes(await socket.ask(WHO))).toEqual(['RATE_LIMITED']);
  });
});

/** A socket, and an open reply that it can follow. */
async function openAnswer() {
  const { gateway, engine, replyId } = await startReply();
  const socket = connect(gateway);
  await socket.init({ 'x-api-key': gateway.key });
  const payload = { query: MESSAGE_STREAM, variables: { messageId: replyId } };
  return { gateway, engine, socket, follow: (id: string) => socket.send({ type: 'subscribe', id, payload }) };
}

async function revokedKey(gateway: TestGateway): Promise<string> {
  const key = await gateway.createKey(gateway.accountId, ['READ']);
  await revoke(gateway, key);
  return key;
}

async function revoke(gateway: TestGateway, key: string): Promise<void> {
  const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>(
    '{ viewer { apiKey { id } } }',
    {},
    key,
  );
  const { id } = data.viewer.apiKey;
  await gateway.graphql('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }', { id });
}
