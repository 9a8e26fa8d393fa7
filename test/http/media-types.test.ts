import { hash } from 'node:crypto';
import { ApolloClient, type ApolloLink, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { generateKey } from '../../src/domain/key-form.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';

const NEWER = 'application/graphql-response+json';
const JSON_TYPE = 'application/json';
const EVENTS = 'text/event-stream';
const MULTIPART = 'multipart/mixed';
/** What Apollo Client sends for a subscription. */
const APOLLO =
  'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9';

let gateway: TestGateway;
let readKey: string;
beforeAll(async () => {
  gateway = await startGateway({ env: { AUTH_FAILURES_PER_MINUTE: '1' } });
  readKey = await gateway.createKey(gateway.accountId, ['READ']);
  // Uses up the failed attempts of this address.
  await gateway.graphql('{viewer{kind}}', {}, generateKey());
});
afterAll(() => gateway.close());

/** Sends a POST; a body that is no text becomes JSON. */
async function post(accept: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await gateway.fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': JSON_TYPE, 'x-api-key': gateway.key, accept, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const type = (response.headers.get('content-type') ?? '').split(';', 1)[0];
  return { response, status: response.status, type, text: await response.text() };
}

describe('the status of a response', () => {
  it.each<[what: string, query: string, newer: number, json: number]>([
    ['no errors', '{viewer{kind}}', 200, 200],
    ['a document that does not parse', '{', 400, 200],
    ['a document that is invalid', '{nonsense}', 422, 200],
    ['an operation that is too complex', '{chatbots(first:100){nodes{sources(first:100){nodes{id}}}}}', 422, 200],
    ['an error beside data', '{viewer{kind} chatbot{id}}', 294, 200],
    ['an error that left no data', '{search(chatbotId:"x",query:"a"){query}}', 294, 200],
  ])('with %s follows the specification', async (_what, query, newer, json) => {
    const answers = [await post(NEWER, { query }), await post(JSON_TYPE, { query })];
    expect(answers.map(({ status, type }) => [status, type])).toEqual([
      [newer, NEWER],
      [json, JSON_TYPE],
    ]);
  });
});

describe('the media type of a response', () => {
  it.each([
    ['*/*', JSON_TYPE],
    ['application/*', JSON_TYPE],
    [`${NEWER}, ${JSON_TYPE};q=0.9`, NEWER],
    [`${JSON_TYPE};q=0.9, ${NEWER}`, NEWER],
    [`${NEWER};q=0.5, ${JSON_TYPE}`, JSON_TYPE],
    [`${NEWER}, ${JSON_TYPE}`, NEWER],
    [`${JSON_TYPE}, ${NEWER}`, JSON_TYPE],
    [`*/*, ${JSON_TYPE};q=0`, NEWER],
    [`${NEWER};charset=utf-16, ${JSON_TYPE}`, JSON_TYPE],
    [APOLLO, NEWER],
    [EVENTS, EVENTS],
    [`${EVENTS}, ${JSON_TYPE}`, JSON_TYPE],
    [MULTIPART, MULTIPART],
    ['Application/JSON', JSON_TYPE],
  ])('for Accept: %s is %s', async (accept, expected) => {
    expect(await post(accept, { query: '{viewer{kind}}' })).toMatchObject({ status: 200, type: expected });
  });

  it.each(['text/plain', `${JSON_TYPE};q=0`, 'application/xml, text/html'])(
    'does not exist for Accept: %s: the operation has no effect and gets a 406',
    async (accept) => {
      const before = await gateway.graphql('{chatbots{totalCount}}');
      const refused = await post(accept, { query: 'mutation{createChatbot(input:{name:"A"}){__typename}}' });
      expect([refused.status, refused.text]).toEqual([406, expect.stringContaining('"code":"NOT_ACCEPTABLE"')]);
      expect((await gateway.graphql('{chatbots{totalCount}}')).data).toEqual(before.data);
    },
  );

  it.each([NEWER, JSON_TYPE])('does not exist for a subscription with Accept: %s', async (accept) => {
    const chatbotId = await createChatbot(gateway);
    const query = `subscription{chatbotEvents(chatbotId:"${chatbotId}"){cursor}}`;
    const refused = await post(accept, { query });
    expect([refused.status, refused.type]).toEqual([406, accept]);
    expect(refused.text).toContain('A subscription needs Accept: text/event-stream or multipart/mixed.');
  });
});

describe('a refusal', () => {
  const QUERY = { query: '{viewer{kind}}' };
  const SUBSCRIPTION = { query: 'subscription{messageStream(messageId:"1"){cursor}}' };

  it.each([
    [NEWER, NEWER],
    [JSON_TYPE, JSON_TYPE],
    [EVENTS, EVENTS],
    [MULTIPART, MULTIPART],
    [APOLLO, NEWER],
    ['*/*', JSON_TYPE],
    ['text/plain', NEWER],
  ])('with Accept: %s is sent as %s', async (accept, type) => {
    const mutation = { query: 'mutation{createChatbot(input:{name:"A"}){__typename}}' };
    const refusals: [status: number, code: string, answer: Awaited<ReturnType<typeof post>>][] = [
      [401, 'UNAUTHENTICATED', await post(accept, QUERY, { 'x-api-key': 'nonsense' })],
      [401, 'UNAUTHENTICATED', await post(accept, QUERY, { 'x-api-key': '' })],
      [413, 'PAYLOAD_TOO_LARGE', await post(accept, ' '.repeat(300_000))],
      [415, 'UNSUPPORTED_MEDIA_TYPE', await post(accept, QUERY, { 'content-type': 'text/plain' })],
      [415, 'UNSUPPORTED_MEDIA_TYPE', await post(accept, QUERY, { 'content-encoding': 'br' })],
      [429, 'RATE_LIMITED', await post(accept, SUBSCRIPTION, { 'x-api-key': generateKey() })],
    ];
    if (accept !== 'text/plain')
      refusals.push([403, 'FORBIDDEN', await post(accept, mutation, { 'x-api-key': readKey })]);
    for (const [status, code, answer] of refusals) {
      expect([answer.status, answer.type, answer.text]).toEqual([
        status,
        type,
        expect.stringContaining(`"code":"${code}"`),
      ]);
    }
    const limited = refusals[5]?.[2];
    expect(limited?.text).toMatch(/"retryAfterMs":\d+/);
    expect(limited?.response.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  it('is one complete stream of events, or one complete multipart body', async () => {
    const [events, parts] = [EVENTS, MULTIPART].map((accept) => post(accept, QUERY, { 'x-api-key': 'nonsense' }));
    const json = '{"errors":[{"message":"Unauthorized","extensions":{"code":"UNAUTHENTICATED"}}]}';
    expect((await events)?.text).toBe(`event: next\ndata: ${json}\n\nevent: complete\ndata:\n\n`);
    expect((await parts)?.text).toBe(
      `\r\n---\r\nContent-Type: application/json; charset=utf-8\r\n\r\n${json}\r\n-----\r\n`,
    );
  });

  it('of a subscription that lacks a scope is an event of a stream, and a 403 in any other response', async () => {
    const key = await gateway.createKey(gateway.accountId, ['MANAGE']);
    const refuse = (accept: string) => post(accept, SUBSCRIPTION, { 'x-api-key': key });
    expect(await refuse(EVENTS)).toMatchObject({ status: 200, text: expect.stringContaining('"code":"FORBIDDEN"') });
    expect(await refuse(APOLLO)).toMatchObject({ status: 403, type: NEWER });
  });

  it('of an unknown document is the one of Apollo, unless the request contains the document', async () => {
    const persisted = { extensions: { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } } };
    const error = { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } };
    for (const body of [persisted, { documentId: `sha256:${'0'.repeat(64)}` }, { ...persisted, query: '' }]) {
      const answers = [await post(NEWER, body), await post(JSON_TYPE, body)];
      expect(answers.map(({ status, text }) => [status, JSON.parse(text)])).toEqual([
        [422, { errors: [error] }],
        [200, { errors: [error] }],
      ]);
    }
    const query = new URLSearchParams({ extensions: JSON.stringify(persisted.extensions) });
    const got = await gateway.fetch(`/graphql?${query}`, { headers: { 'x-api-key': gateway.key } });
    expect(await got.json()).toEqual({ errors: [error] });
    const sent = { extensions: { persistedQuery: { version: 1, sha256Hash: hash('sha256', QUERY.query) } }, ...QUERY };
    expect(await post(NEWER, sent)).toMatchObject({ status: 200 });
  });
});

describe('Apollo Client', () => {
  function createClient(key: string, before?: ApolloLink) {
    const link = new HttpLink({ uri: `${gateway.url}/graphql`, headers: { 'x-api-key': key } });
    const client = new ApolloClient({ link: before ? before.concat(link) : link, cache: new InMemoryCache() });
    onTestFinished(() => client.stop());
    return client;
  }
  const QUERY = gql('{ viewer { kind } }');
  const SUBSCRIPTION = gql('subscription { messageStream(messageId: "1") { cursor } }');

  it.each([
    ['UNAUTHENTICATED', () => 'nonsense', {}],
    ['RATE_LIMITED', generateKey, { retryAfterMs: expect.any(Number) }],
  ])('shows %s of a refused query and of a refused subscription', async (code, keyOf, details) => {
    const client = createClient(keyOf());
    const queryError: unknown = await client.query({ query: QUERY }).catch((error) => error);
    const subscriptionError = await new Promise<unknown>((resolve, reject) =>
      client.subscribe({ query: SUBSCRIPTION }).subscribe({ next: ({ error }) => resolve(error), error: reject }),
    );
    for (const error of [queryError, subscriptionError]) {
      const errors = CombinedGraphQLErrors.is(error) ? error.errors : error;
      expect(errors).toEqual([expect.objectContaining({ extensions: { code, ...details } })]);
    }
  });

  it('sends the document when its persisted query is refused', async () => {
    const client = createClient(gateway.key, new PersistedQueryLink({ sha256: (text) => hash('sha256', text, 'hex') }));
    expect((await client.query({ query: QUERY })).data).toMatchObject({ viewer: { kind: 'API_KEY' } });
  });
});
