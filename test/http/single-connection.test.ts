import { createClient, type RequestParams } from 'graphql-sse';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Viewer } from '../../src/access/viewer.ts';
import { createReservations } from '../../src/http/event-streams/reservations.ts';
import { createResultStream } from '../../src/http/event-streams/result-stream.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { readEventStream, type ServerSentEvent } from '../helpers/event-stream.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { openSharedGateway } from '../helpers/shared-gateway.ts';

const FOLLOW = 'subscription ($id: ID!) { conversationEvents(conversationId: $id) { __typename } }';
const TOKEN = 'x-graphql-event-stream-token';
/** Settings in which one test's streams do not reach the limit of another. */
const openGateway = () => openSharedGateway({ env: { MAX_STREAMS_PER_KEY: '3' } });

async function openWithConversation() {
  const gateway = await openGateway();
  const chatbotId = await createChatbot(gateway);
  const { conversationId } = await send(gateway, { chatbotId, content: 'Hello?' });
  return { gateway, chatbotId, conversationId };
}

/** Opens the official client, which uses one connection. `connections` counts the streams that it opens. */
function openClient({ url, key }: Pick<TestGateway, 'url' | 'key'>) {
  const opened: string[] = [];
  const client = createClient({
    url: `${url}/graphql`,
    singleConnection: true,
    retryAttempts: 0,
    headers: () => ({ authorization: `Bearer ${key}` }),
    on: { connected: () => void opened.push('stream') },
  });
  onTestFinished(() => client.dispose());
  return { client, opened };
}

/** Sends one request of the protocol. */
function createRequests(gateway: TestGateway, key = gateway.key) {
  const request = (
    method: string,
    token: string | undefined,
    more: { path?: string; body?: object; headers?: object } = {},
  ) =>
    gateway.fetch(more.path ?? '/graphql', {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(token !== undefined && { [TOKEN]: token }),
        ...(more.body && { 'content-type': 'application/json' }),
        ...more.headers,
      },
      ...(more.body && { body: JSON.stringify(more.body) }),
    });
  const reserve = async () => (await request('PUT', undefined)).text();
  const post = (token: string, operationId: unknown, query = '{ __typename }', variables = {}) =>
    request('POST', token, { body: { query, variables, extensions: { operationId } } });
  return { request, reserve, post };
}

const codeOf = async (response: Response) => [
  response.status,
  ((await response.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code,
];

async function takeEvents(events: AsyncGenerator<ServerSentEvent, void, void>, count: number) {
  const taken: ServerSentEvent[] = [];
  while (taken.length < count) {
    const { value } = await events.next();
    if (!value) throw new Error('The stream ended.');
    // The framework sends heartbeats more often in tests.
    if (value.event !== undefined) taken.push(value);
  }
  return taken;
}

describe("graphql-sse's client with a single connection", () => {
  it('runs queries, mutations and subscriptions over one stream, and stops each on its own', async () => {
    const { gateway, chatbotId, conversationId } = await openWithConversation();
    const { client, opened } = openClient(gateway);
    const iterate = (request: RequestParams) => client.iterate<Record<string, { __typename: string }>>(request);
    const first = iterate({ query: FOLLOW, variables: { id: conversationId } });
    const second = iterate({ query: 'subscription { accountEvents { __typename } }' });
    for (const events of [first, second]) expect(await events.next()).toMatchObject({ value: { data: {} } });
    const query = await iterate({ query: '{ viewer { kind } }' }).next();
    expect(query.value).toEqual({ data: { viewer: { kind: 'API_KEY' } } });
    const mutation = await iterate({
      query: 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }',
      variables: { input: { chatbotId, content: 'More?' } },
    }).next();
    expect(mutation.value).toEqual({ data: { sendMessage: { __typename: 'SendMessagePayload' } } });
    expect((await second.next()).value).toMatchObject({ data: { accountEvents: {} } });
    expect(opened).toEqual(['stream']);
    const { bus } = gateway.deps;
    const before = bus.size;
    await first.return?.();
    await vi.waitFor(() => expect(bus.size).toBeLessThan(before));
    expect((await second.next()).done).toBe(false);
    client.dispose();
    await vi.waitFor(() => expect(bus.size).toBe(0));
  });

  it('receives the refusal of a subscription as a result', async () => {
    const { gateway, conversationId } = await openWithConversation();
    const key = await gateway.createKey(gateway.accountId, []);
    const { client } = openClient({ url: gateway.url, key });
    const { value } = await client.iterate({ query: FOLLOW, variables: { id: conversationId } }).next();
    expect(value?.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    expect(JSON.stringify(value)).not.toContain('"http"');
  });

  it.each([
    ['an invalid document', '{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['a document that does not parse', '{', 'GRAPHQL_PARSE_FAILED'],
    ['invalid variables', 'query ($id: ID!) { chatbot(id: $id) { id } }', 'BAD_USER_INPUT'],
  ])('receives the error of %s', async (_name, query, code) => {
    const gateway = await openGateway();
    const { client } = openClient(gateway);
    const { value } = await client.iterate({ query }).next();
    expect(value?.errors).toMatchObject([{ extensions: { code } }]);
  });
});

describe('the requests of a single connection', () => {
  it('reserve, open, run and stop', async () => {
    const { gateway, conversationId } = await openWithConversation();
    const { request, post } = createRequests(gateway);
    const reserved = await request('PUT', undefined);
    expect([reserved.status, reserved.headers.get('content-type')]).toEqual([201, 'text/plain; charset=utf-8']);
    expect(reserved.headers.get('ratelimit')).toContain('"burst"');
    const token = await reserved.text();
    // Results of an operation that starts before the stream is open wait for it.
    expect((await post(token, 'early')).status).toBe(202);
    const stream = await request('GET', undefined, {
      path: `/graphql?token=${token}`,
      headers: { accept: 'text/event-stream' },
    });
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const events = readEventStream(stream);
    onTestFinished(async () => void (await events.return()));
    expect(await takeEvents(events, 2)).toEqual([
      { event: 'next', data: '{"id":"early","payload":{"data":{"__typename":"Query"}}}' },
      { event: 'complete', data: '{"id":"early"}' },
    ]);
    expect((await post(token, 's', FOLLOW, { id: conversationId })).status).toBe(202);
    expect(await takeEvents(events, 1)).toMatchObject([{ event: 'next' }]);
    const stopped = await request('DELETE', token, { path: '/graphql?operationId=s' });
    expect(stopped.status).toBe(200);
    let last: ServerSentEvent | undefined;
    // Events that were under way may come before the end.
    while (last?.event !== 'complete') [last] = await takeEvents(events, 1);
    expect(last.data).toBe('{"id":"s"}');
  });

  it('refuse a token that is unknown, of another key, or in use', async () => {
    const gateway = await openGateway();
    const { request, reserve, post } = createRequests(gateway);
    const other = createRequests(gateway, await gateway.createKey(gateway.accountId, ['READ']));
    const token = await reserve();
    const conflict = [409, 'EVENT_STREAM_CONFLICT'];
    for (const [requests, name] of [
      [other, token],
      [createRequests(gateway), 'unknown'],
    ] as const) {
      expect(await codeOf(await requests.request('GET', name))).toEqual(conflict);
      expect(await codeOf(await requests.post(name, 'o'))).toEqual(conflict);
      expect(await codeOf(await requests.request('DELETE', name, { path: '/graphql?operationId=o' }))).toEqual(
        conflict,
      );
    }
    const stream = await request('GET', token);
    expect(await codeOf(await request('GET', token))).toEqual(conflict);
    await stream.body?.cancel();
    await vi.waitFor(async () => expect(await codeOf(await post(token, 'o'))).toEqual(conflict));
  });

  it('refuse an operation without an id of its own, a stop without an id, and a request without a key', async () => {
    const { gateway, conversationId } = await openWithConversation();
    const { request, reserve, post } = createRequests(gateway);
    const token = await reserve();
    const stream = await request('GET', token);
    onTestFinished(async () => void (await stream.body?.cancel()));
    expect(await codeOf(await request('PATCH', token))).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect((await request('GET', undefined, { path: '/graphql?query={__typename}&token=x' })).status).toBe(200);
    for (const id of [undefined, '', 7, {}])
      expect(await codeOf(await post(token, id))).toEqual([422, 'BAD_USER_INPUT']);
    await post(token, 'same', FOLLOW, { id: conversationId });
    expect(await codeOf(await post(token, 'same'))).toEqual([422, 'BAD_USER_INPUT']);
    expect(await codeOf(await request('DELETE', token))).toEqual([422, 'BAD_USER_INPUT']);
    expect(await codeOf(await gateway.fetch('/graphql', { method: 'PUT' }))).toEqual([401, 'UNAUTHENTICATED']);
    for (let n = 1; n < 20; n++) expect((await post(token, `${n}`, FOLLOW, { id: conversationId })).status).toBe(202);
    expect(await codeOf(await post(token, '20', FOLLOW, { id: conversationId }))).toEqual([422, 'BAD_USER_INPUT']);
  });

  it('count against the streams of the key from the reservation to the end', async () => {
    const gateway = await openGateway();
    const { request, reserve } = createRequests(gateway);
    const tokens = [await reserve(), await reserve(), await reserve()];
    const refused = await request('PUT', undefined);
    expect([refused.headers.get('retry-after'), ...(await codeOf(refused))]).toEqual(['10', 429, 'RATE_LIMITED']);
    const stream = await request('GET', tokens[0]);
    expect((await request('PUT', undefined)).status).toBe(429);
    await stream.body?.cancel();
    await vi.waitFor(async () => expect((await request('PUT', undefined)).status).toBe(201));
  });

  it('end with the credential', async () => {
    const { gateway, conversationId } = await openWithConversation();
    const key = await gateway.createKey(gateway.accountId, ['READ']);
    const { request, reserve, post } = createRequests(gateway, key);
    const token = await reserve();
    const events = readEventStream(await request('GET', token));
    await post(token, 's', FOLLOW, { id: conversationId });
    await takeEvents(events, 1);
    const { data } = await gateway.graphql<{ viewer: { account: { apiKeys: { id: string; scopes: string[] }[] } } }>(
      '{ viewer { account { apiKeys { id scopes } } } }',
    );
    const id = data.viewer.account.apiKeys.find(({ scopes }) => scopes.length === 1)?.id;
    await gateway.graphql('mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { __typename } }', {
      input: { id },
    });
    for await (const _event of events);
    expect((await post(token, 't')).status).toBe(401);
  });
});

it('a reservation that no client opens ends after a minute', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const reservations = createReservations(() => {});
  const viewer = { credentialId: 'k', revoked: new AbortController().signal } as Viewer;
  let claimed: AbortSignal | undefined;
  const token = reservations.create(viewer, (_viewer, signal) => {
    claimed = signal;
  });
  vi.advanceTimersByTime(59_000);
  expect(reservations.get(viewer, token).isOpen).toBe(false);
  expect(claimed?.aborted).toBe(false);
  vi.advanceTimersByTime(2_000);
  expect(() => reservations.get(viewer, token)).toThrow('Reserve one with PUT');
  expect(claimed?.aborted).toBe(true);
});

it('a stream whose results fail ends, and the error is reported', async () => {
  const onError = vi.fn();
  const onClose = vi.fn();
  const operation = createResultStream({ onClose, onError }).createOperation();
  operation.start('o');
  const bug = new Error('a bug');
  operation.send({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(bug) }) });
  await vi.waitFor(() => expect(onClose).toHaveBeenCalledTimes(1));
  expect(onError.mock.calls).toEqual([[bug]]);
  expect(operation.signal.aborted).toBe(true);
});
