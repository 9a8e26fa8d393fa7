import { describe, expect, it } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { openSocket } from '../helpers/sockets.ts';
import { mutation, openGateway } from '../schema/support.ts';

const NEWER = 'application/graphql-response+json';
const EXPENSIVE =
  '{ chatbots(first: 100) { nodes { conversations(first: 100) { nodes { messages(first: 100) { nodes { id } } } } } } }';

const post = (gateway: TestGateway, body: object, { accept = NEWER, key = gateway.key } = {}) =>
  gateway.fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, 'x-api-key': key },
    body: JSON.stringify({ extensions: { dryRun: true }, ...body }),
  });

const priceOf = (cost: number, requests: number) => ({
  data: null,
  extensions: { cost: { cost, limit: 10_000, requests } },
});

describe('a dry run', () => {
  it('prices a query without running it, over HTTP', async () => {
    const gateway = await openGateway();
    const response = await post(gateway, {
      query: '{ chatbots(first: 10) { nodes { id conversations(first: 5) { nodes { id } } } } }',
    });
    expect([response.status, await response.json()]).toEqual([200, priceOf(expect.any(Number) as never, 1)]);
    const url = `/graphql?query=${encodeURIComponent('{ viewer { id } }')}&extensions=${encodeURIComponent('{"dryRun":true}')}`;
    const got = await gateway.fetch(url, { headers: { 'x-api-key': gateway.key, accept: NEWER } });
    expect(await got.json()).toEqual(priceOf(expect.any(Number) as never, 1));
  });

  it('has no effect: a mutation stores nothing and counts as one request', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const send = `sendMessage(input: { chatbotId: "${chatbotId}", content: "Hello" }) { __typename }`;
    const remainingOf = (response: Response) => Number(/r=(\d+)/.exec(response.headers.get('ratelimit') ?? '')?.[1]);
    const before = await post(gateway, { query: '{ viewer { id } }' });
    const response = await post(gateway, { query: `mutation { a: ${send} b: ${send} c: ${send} }` });
    expect(await response.json()).toEqual(priceOf(expect.any(Number) as never, 3));
    expect(remainingOf(response)).toBe(remainingOf(before) - 1);
    const { data } = await gateway.graphql('{ conversations { totalCount } }');
    expect(data).toEqual({ conversations: { totalCount: 0 } });
  });

  it('prices a subscription without opening it, over HTTP, server-sent events and WebSocket', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const query = `subscription { chatbotEvents(chatbotId: "${chatbotId}") { cursor } }`;
    const price = priceOf(expect.any(Number) as never, 1);
    expect(await (await post(gateway, { query })).json()).toEqual(price);
    const stream = await (await post(gateway, { query }, { accept: 'text/event-stream' })).text();
    expect(JSON.parse(/^data: (\{.+\})\r?$/m.exec(stream)?.[1] ?? '{}')).toEqual(price);
    expect(stream).toContain('event: complete');
    const socket = openSocket(gateway, { 'x-api-key': gateway.key });
    expect(await socket.execute(query, {}, { dryRun: true })).toEqual(price);
    expect(await socket.execute('{ viewer { id } }', {}, { dryRun: true })).toEqual(price);
    socket.close();
    expect(gateway.deps.bus.size).toBe(0);
  });

  it('validates, and checks variables, cost and scopes as for a real run', async () => {
    const gateway = await openGateway();
    const reader = await gateway.createKey(gateway.accountId, ['READ']);
    const codeOf = async (body: object, key = gateway.key) => {
      const response = await post(gateway, body, { key });
      const { errors } = (await response.json()) as { errors?: { extensions?: { code?: string } }[] };
      return [response.status, errors?.[0]?.extensions?.code];
    };
    expect(await codeOf({ query: EXPENSIVE })).toEqual([422, 'QUERY_TOO_COMPLEX']);
    expect((await codeOf({ query: '{ nothing }' }))[0]).toBe(422);
    expect(await codeOf({ query: 'query ($id: ID!) { lead(id: $id) { id } }' })).toEqual([422, 'BAD_USER_INPUT']);
    const create = { query: mutation('createChatbot'), variables: { input: { name: 'Helper' } } };
    expect(await codeOf(create, reader)).toEqual([403, 'FORBIDDEN']);
    expect(await codeOf({ query: '{ viewer { id } }' }, 'ic_no')).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('is refused, and runs nothing, if the option is not a boolean', async () => {
    const gateway = await openGateway();
    const body = { query: mutation('createChatbot'), variables: { input: { name: 'Helper' } } };
    const response = await post(gateway, { ...body, extensions: { dryRun: 'yes' } });
    expect(response.status).toBe(422);
    const { data } = await gateway.graphql('{ chatbots { totalCount } }');
    expect(data).toEqual({ chatbots: { totalCount: 0 } });
  });
});

describe('the rate limit status in the extensions of a result', () => {
  it('is there if the client asks for it, over HTTP and WebSocket', async () => {
    const gateway = await openGateway();
    const rateLimit = { limit: 100_000, remaining: expect.any(Number), resetMs: expect.any(Number) };
    const body = { query: '{ viewer { kind } }', extensions: { rateLimit: true } };
    const expected = { data: { viewer: { kind: 'API_KEY' } }, extensions: { rateLimit } };
    expect(await (await post(gateway, body)).json()).toEqual(expected);
    const socket = openSocket(gateway, { 'x-api-key': gateway.key });
    expect(await socket.execute(body.query, {}, body.extensions)).toEqual(expected);
    expect(await socket.execute(body.query)).toEqual({ data: expected.data });
    socket.close();
  });
});
