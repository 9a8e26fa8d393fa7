import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { errorCodesOf, type OperationResult, openSocket } from '../helpers/sockets.ts';

const QUERIES_THAT_NEED_A_KEY: readonly (readonly [name: string, query: string])[] = [
  ['a field', '{viewer{kind}}'],
  ['a field beside a public one', '{__typename viewer{kind}}'],
  ['a field in a fragment', '{...F} fragment F on Query{...on Query{viewer{kind}}}'],
  ['a field with the alias of a public one', '{__typename:viewer{kind}}'],
  ['a second operation', 'query A{__typename} query B{viewer{kind}}'],
  ['a mutation', 'mutation{revokeApiKey(input:{id:"1"}){__typename}}'],
  ['a subscription', 'subscription{messageStream(messageId:"1"){__typename}}'],
  ['an unknown field', '{unknown}'],
  ['a syntax error', '{'],
  ['brackets nested too deep', '{'.repeat(51)],
];

const fragments = Array.from({ length: 60 }, (_, i) => `fragment F${i} on Query{...F${i + 1} ...F${i + 1}}`).join(' ');
const FRAGMENT_BOMBS: readonly (readonly [name: string, query: string])[] = [
  ['a fragment within itself', '{...F} fragment F on Query{...F}'],
  ['fragments of fragments that end in an unknown one', `{...F0} ${fragments}`],
  ['fragments of fragments that end in the first', `{...F0} ${fragments} fragment F60 on Query{...F0}`],
  ['fragments of fragments that end in a field', `{...F0} ${fragments} fragment F60 on Query{__typename}`],
];

const REVEALING_QUERIES: readonly (readonly [name: string, query: string])[] = [
  ['an unused fragment', '{__typename} fragment F on Chatbot{nam}'],
  ['an unknown type', '{__typename ...on Chatbt{__typename}}'],
  ['an unknown argument', '{__typename(first:1)}'],
  ['an unknown type of a variable', 'query($a:Chatbt){__typename}'],
];

const ENVIRONMENTS = ['development', 'production'] as const;
const CASES = ENVIRONMENTS.flatMap((environment) =>
  ['HTTP', 'WebSocket'].map((transport) => ({ environment, transport })),
);

describe.each(CASES)('over $transport in $environment, without a credential,', ({ environment, transport }) => {
  let gateway: TestGateway;
  let ask: (query: string) => Promise<OperationResult>;

  beforeAll(async () => {
    gateway = await startGateway({ env: { NODE_ENV: environment, AUTH_FAILURES_PER_MINUTE: '1' } });
    ask = transport === 'HTTP' ? askWithoutKey : openSocket(gateway).execute;
  });
  afterAll(async () => {
    expect(gateway.logs.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    await gateway.close();
  });

  async function askWithoutKey(query: string): Promise<OperationResult> {
    const response = await gateway.fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: '' },
      body: JSON.stringify({ query }),
    });
    const answer = (await response.json()) as OperationResult;
    expect(response.status).toBe(errorCodesOf(answer).includes('UNAUTHENTICATED') ? 401 : 200);
    expect(response.headers.has('ratelimit')).toBe(false);
    return answer;
  }

  it('__typename is answered', async () => {
    expect(await ask('{a:__typename ...on Query{__typename}}')).toEqual({ data: { a: 'Query', __typename: 'Query' } });
  });

  it.each(QUERIES_THAT_NEED_A_KEY)('%s is UNAUTHENTICATED', async (_name, query) => {
    const answer = await ask(query);
    expect(answer.data ?? null).toBeNull();
    expect(answer.errors).toEqual([{ message: 'Unauthorized', extensions: { code: 'UNAUTHENTICATED' } }]);
  });

  it('introspection is answered outside production only', async () => {
    const standard = await ask(getIntrospectionQuery());
    const ofType = await ask('{__type(name:"Chatbot"){name}}');
    if (environment === 'production') {
      expect([standard, ofType].flatMap(errorCodesOf)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED']);
    } else {
      expect(standard.data).toHaveProperty('__schema');
      expect(ofType.data).toEqual({ __type: { name: 'Chatbot' } });
    }
  });

  it('introspection with a key is answered', async () => {
    const { data } = await gateway.graphql(getIntrospectionQuery());
    expect(data).toHaveProperty('__schema');
    const socket = openSocket(gateway, { 'X-API-Key': gateway.key });
    expect((await socket.execute(getIntrospectionQuery())).data).toHaveProperty('__schema');
    socket.close();
  });

  it.each(FRAGMENT_BOMBS)('%s: the operation is rejected within a second', async (_name, query) => {
    const startedAt = performance.now();
    const [code] = errorCodesOf(await ask(query));
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(['QUERY_TOO_COMPLEX', 'GRAPHQL_VALIDATION_FAILED', 'UNAUTHENTICATED']).toContain(code);
  });

  it.each(REVEALING_QUERIES)('%s reveals the schema outside production only', async (_name, query) => {
    const expected = environment === 'production' ? 'UNAUTHENTICATED' : 'GRAPHQL_VALIDATION_FAILED';
    expect(new Set(errorCodesOf(await ask(query)))).toEqual(new Set([expected]));
  });
});

describe('a request without a credential', () => {
  const ACCEPTED = ['application/json', 'application/graphql-response+json', '*/*'];
  it.each(ACCEPTED)('is rejected with 401 for Accept: %s', async (accept) => {
    const gateway = await startGateway();
    const headers = { 'content-type': 'application/json', accept };
    const posted = await gateway.fetch('/graphql', { method: 'POST', headers, body: '{"query":"{viewer{kind}}"}' });
    const got = await gateway.fetch('/graphql?query={viewer{kind}}', { headers: { accept } });
    expect([posted.status, got.status]).toEqual([401, 401]);
    await gateway.close();
  });
});
