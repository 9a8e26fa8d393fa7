import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../helpers/gateway.ts';

const CLOSED_UNREAD = 'closed a response that its client does not read';

async function openGateway(options?: GatewayOptions): Promise<TestGateway> {
  const gateway = await startGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

/** Sends a request, and reads nothing of the response. */
function requestWithoutReading({ url }: TestGateway, request: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.pause();
  socket.write(request);
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Returns the path of the largest file that is served without a key: several megabytes, uncompressed. */
async function findLargeFile(gateway: TestGateway): Promise<string> {
  const page = await (await gateway.fetch('/graphql', { headers: { accept: 'text/html' } })).text();
  const path = /src="(\/assets\/graphiql\/[^"]+\.js)"/.exec(page)?.[1] ?? '';
  expect(path).not.toBe('');
  return path;
}

const getRequest = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
const closedResponses = ({ logs }: TestGateway) => logs.filter(({ msg }) => msg === CLOSED_UNREAD);

describe('a response that its client does not read', () => {
  it('is closed after 30 seconds without progress', async () => {
    const clock = createManualClock();
    const gateway = await openGateway({ overrides: { clock } });
    const socket = requestWithoutReading(gateway, getRequest(await findLargeFile(gateway)));
    await vi.waitFor(
      async () => expect((await gateway.deps.metrics.pendingBytes.get()).values[0]?.value).toBeGreaterThan(0),
      10_000,
    );
    expect(closedResponses(gateway)).toEqual([]);
    await vi.waitFor(() => {
      clock.advance(31_000);
      expect(closedResponses(gateway)).toMatchObject([{ client: 'address:127.0.0.1', reason: 'stalled' }]);
    }, 10_000);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect((await gateway.fetch('/health')).status).toBe(200);
  });

  it('is closed, longest wait first, if clients without a key read too little; later clients are served', async () => {
    const gateway = await openGateway({
      env: { MAX_PENDING_BYTES: '40000000', MAX_PENDING_BYTES_PER_CLIENT: '100000000' },
    });
    const path = await findLargeFile(gateway);
    for (let count = 0; count < 12; count++) requestWithoutReading(gateway, getRequest(path));
    await vi.waitFor(() => expect(closedResponses(gateway).length).toBeGreaterThan(5), 10_000);
    expect(new Set(closedResponses(gateway).map(({ reason }) => reason))).toEqual(new Set(['too much']));
    const { values } = await gateway.deps.metrics.pendingBytes.get();
    expect(values[0]?.value).toBeLessThanOrEqual(10_000_000);
    const read = await gateway.fetch(path);
    expect((await read.arrayBuffer()).byteLength).toBeGreaterThan(1_000_000);
    const { values: counted } = await gateway.deps.metrics.closedResponses.get();
    expect(counted).toMatchObject([{ labels: { reason: 'too much' }, value: closedResponses(gateway).length }]);
  });

  it('is closed when too much is buffered for its key, and other keys are not affected', async () => {
    const gateway = await openGateway({ env: { MAX_PENDING_BYTES_PER_CLIENT: '8000000' } });
    const other = await gateway.createTenant();
    const chatbotId = await createChatbot(gateway);
    const metadataText = 'x'.repeat(250_000);
    const query = `query Q($id: ID!) { ${Array.from({ length: 20 }, (_, n) => `c${n}: chatbot(id: $id) { metadata }`).join(' ')} }`;
    await gateway.graphql('mutation M($input: UpdateChatbotInput!) { updateChatbot(input: $input) { __typename } }', {
      input: { id: chatbotId, metadata: { document: metadataText.slice(0, 15_000) } },
    });
    const body = JSON.stringify({ query, variables: { id: chatbotId } });
    const postRequest = (key: string) =>
      `POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    // Requests are pipelined on few connections, so that most responses wait in the gateway.
    for (let count = 0; count < 40; count++) requestWithoutReading(gateway, postRequest(gateway.key).repeat(20));
    await vi.waitFor(() => expect(closedResponses(gateway).length).toBeGreaterThan(0), 15_000);
    expect(closedResponses(gateway).every(({ client }) => String(client).startsWith('key:'))).toBe(true);
    expect((await gateway.graphql('{ viewer { __typename } }', {}, other.key)).errors).toBeUndefined();
  });
});

describe('requests without a key', () => {
  it('are rejected with 429 above the limit of their network, except health checks', async () => {
    const gateway = await openGateway({ env: { ANONYMOUS_REQUESTS_PER_MINUTE: '7' } });
    const paths = ['/docs', '/chat/x', '/nothing', '/v1/openapi.json/', '/v1/chatbots', '/metrics', '/assets/none'];
    for (const path of paths) expect((await gateway.fetch(path)).status, path).not.toBe(429);
    for (const path of [...paths, '/', '/chat/demo/session', '/v1/openapi.json', '/api/v1/openapi%2ejson']) {
      const refused = await gateway.fetch(path, { headers: { accept: 'application/json' } });
      expect([path, refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([path, 429, true]);
      expect(await refused.json()).toEqual({ detail: 'Max 7 requests per minute without an API key.' });
    }
    const page = await gateway.fetch('/graphql', {
      headers: { accept: 'text/html', authorization: 'Bearer nonsense' },
    });
    expect(page.status).toBe(429);
    const response = await fetch(`${gateway.url}/graphql?query={__typename}`);
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED' } }] });
    for (const path of ['/health', '/ready']) expect((await gateway.fetch(path)).status).toBe(200);
    expect((await gateway.graphql('{ viewer { __typename } }')).status).toBe(200);
    expect((await gateway.fetch('/v1/chatbots', { headers: { 'x-api-key': gateway.key } })).status).toBe(200);
  });
});

describe('streams of one key', () => {
  it('have one limit for GraphQL and REST together; a stream above it is rejected with 429', async () => {
    const gateway = await openGateway({ env: { MAX_STREAMS_PER_KEY: '2' } });
    const chatbotId = await createChatbot(gateway);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${gateway.key}` };
    const conversation = await gateway.graphql<{ sendMessage: { conversation: { id: string } } }>(
      `mutation M($id: ID!) { sendMessage(input: { chatbotId: $id, content: "Hello" }) { ... on SendMessagePayload { conversation { id } } } }`,
      { id: chatbotId },
    );
    const { id } = conversation.data.sendMessage.conversation;
    const disconnect = new AbortController();
    const openGraphQLStream = (signal?: AbortSignal, accept = 'text/event-stream') =>
      gateway.fetch('/graphql', {
        method: 'POST',
        headers: { ...headers, accept },
        body: JSON.stringify({ query: `subscription { conversationEvents(conversationId: "${id}") { cursor } }` }),
        ...(signal && { signal }),
      });
    const openRestStream = () => gateway.fetch(`/v1/conversations/${id}/events`, { headers: headers });
    const first = await openGraphQLStream(disconnect.signal, 'multipart/mixed');
    expect([first.status, first.headers.get('cache-control')]).toEqual([200, 'private, no-store, no-transform']);
    const second = await openRestStream();
    expect([second.status, second.headers.get('cache-control')]).toEqual([200, 'private, no-store, no-transform']);
    for (const accept of ['text/event-stream', 'Text/Event-Stream', 'text/*', 'multipart/mixed', '*/*']) {
      const refused = await openGraphQLStream(undefined, accept);
      expect([accept, refused.status, refused.headers.get('retry-after')]).toEqual([accept, 429, '10']);
      // The error is in the format that the client accepts.
      expect(await refused.text()).toContain('"code":"RATE_LIMITED"');
    }
    const refused = await openRestStream();
    expect([refused.status, await refused.json()]).toEqual([
      429,
      { detail: 'Too many streams are open: at most 2 per API key.' },
    ]);
    disconnect.abort();
    await vi.waitFor(async () => {
      const again = await openRestStream();
      expect(again.status).toBe(200);
    }, 10_000);
    await second.body?.cancel();
  });
});

describe('a response with data of an account', () => {
  it('is never cached, nor is an error', async () => {
    const gateway = await openGateway();
    const headers = { authorization: `Bearer ${gateway.key}` };
    for (const [path, init] of [
      ['/v1/chatbots', { headers }],
      ['/v1/chatbots/none', { headers }],
      ['/v1/chatbots', {}],
      ['/graphql?query={viewer{__typename}}', { headers }],
      ['/graphql?query={', { headers }],
      ['/nothing', {}],
    ] as const) {
      const { headers: responseHeaders } = await gateway.fetch(path, init);
      expect([path, responseHeaders.get('cache-control')]).toEqual([path, 'private, no-store']);
    }
  });
});

describe('the log line of a request', () => {
  it('contains only the beginning of a long path', async () => {
    const gateway = await openGateway();
    await gateway.fetch(`/${'a'.repeat(7_000)}`);
    await vi.waitFor(() => expect(gateway.logs.some(({ msg }) => msg === 'request')).toBe(true));
    const { path } = gateway.logs.find(({ msg }) => msg === 'request') ?? {};
    expect(path).toBe(`/${'a'.repeat(199)}…`);
  });
});
