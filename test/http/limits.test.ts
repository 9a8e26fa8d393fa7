import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type Answer, codesOf, openSocket } from '../helpers/sockets.ts';

type Ask = (query: string, variables?: object) => Promise<Answer>;

const repeat = (text: string, times: number) => Array.from({ length: times }, () => text).join(' ');
const count = (times: number, text: (index: number) => string) =>
  Array.from({ length: times }, (_, i) => text(i)).join(' ');

/** Nested braces; inline fragments add no depth. */
const nested = (depth: number) => `{viewer${'{...'.repeat(depth - 2)}{kind}${'}'.repeat(depth - 1)}`;
/** Conversations of chatbots of conversations, with one item per list. */
const deep = (leaf: string) =>
  `{chatbots(first:1){nodes{${repeat('conversations(first:1){nodes{chatbot{', 4)}${leaf}${'}}}'.repeat(4)}}}}`;
/** A mutation of 24 tokens and the numbers in a list. */
const listOf = (numbers: number) =>
  `mutation{createChatbot(input:{name:"A",metadata:{a:[${repeat('1', numbers)}]}}){__typename}}`;
const lists = `{chatbots{nodes{${repeat('conversations{nodes{chatbot{', 3)}id${'}}}'.repeat(3)}}}}`;
/** Thirty fragments, each of which spreads the next one twice. */
const bomb = (start: string, type: string, leaf: string, each = '') =>
  `${start} ${count(30, (i) => `fragment F${i} on ${type}{${each.replaceAll('$', `F${i + 1}`)} ...F${i + 1} ...F${i + 1}}`)}
   fragment F30 on ${type}{${leaf}}`;
const introspect = (levels: number) => `{__schema{types{${repeat('fields{type{', levels)}name${'}}'.repeat(levels)}}}}`;

const TOO_COMPLEX: readonly (readonly [name: string, query: string, message: RegExp])[] = [
  ['lists nested twelve deep', lists, /cost/],
  ['51 braces within each other', nested(51), /nesting/],
  ['51 brackets that are never closed', `{search(query:${'['.repeat(49)}`, /nesting/],
  ['60 parentheses', '('.repeat(60), /nesting/],
  ['51 braces behind a comment with a quote', `# "\n${nested(51)}`, /nesting/],
  ['51 braces behind a comment that a carriage return ends', `# {\r${nested(51)}`, /nesting/],
  ['51 braces behind a string with a quote', `query($a:String="\\""){${nested(51).slice(1)}`, /nesting/],
  ['51 braces behind a block string with quotes', `query($a:String="""\\""" " """){${nested(51).slice(1)}`, /nesting/],
  ['1,001 tokens', listOf(977), /tokens/],
  ['a depth of 16', deep('sources(first:1){__typename}'), /depth/],
  ['31 aliases', `{viewer{${count(31, (i) => `a${i}:kind`)}}}`, /aliases/],
  [
    'aliases that a fragment repeats',
    `{a:viewer{...F} b:viewer{...F}} fragment F on Viewer{${count(15, (i) => `a${i}:kind`)}}`,
    /aliases/,
  ],
  ['aliases within introspection', `{__schema{types{${count(31, (i) => `a${i}:name`)}}}}`, /aliases/],
  ['21 root fields', `{${repeat('viewer{kind}', 21)}}`, /root fields/],
  ['21 root fields in a fragment', `{...F} fragment F on Query{${repeat('__typename', 21)}}`, /root fields/],
  ['11 directives', `{viewer{${repeat('kind @skip(if:false)', 11)}}}`, /directives/],
  ['11 directives within introspection', `{__schema{types{${repeat('name @skip(if:false)', 11)}}}}`, /directives/],
  ['a cost of more than 10,000', '{chatbots(first:100){nodes{sources(first:100){nodes{id}}}}}', /cost/],
  ['fragments that multiply the root', bomb('{...F0}', 'Query', '__typename'), /root fields/],
  ['fragments that multiply aliases', bomb('{viewer{...F0}}', 'Viewer', 'a:kind'), /aliases/],
  ['fragments that multiply aliases of introspection', bomb('{__schema{types{...F0}}}', '__Type', 'a:name'), /aliases/],
  [
    'fragments that multiply depth',
    bomb('{chatbots{nodes{...F0}}}', 'Chatbot', 'id', 'sources(first:1){nodes{chatbot{...$}}}'),
    /depth/,
  ],
  ['introspection nested beyond the braces', introspect(25), /nesting/],
];

const INVALID: readonly (readonly [name: string, query: string])[] = [
  ['fragments of fragments that end in an unknown one', bomb('{...F0}', 'Query', '...Unknown')],
  ['fragments of fragments that end in the first', bomb('{...F0}', 'Query', '...F0')],
  ['a fragment within itself', '{...F} fragment F on Query{...F}'],
  ['a field 990 times, each compared with all others', `{viewer{${repeat('kind', 990)}}}`],
  ['introspection nested in itself', introspect(4)],
  [
    'introspection nested in itself by fragments',
    bomb('{__schema{types{...F0}}}', '__Type', 'name', 'fields{type{...$}}'),
  ],
];

const WITHIN: readonly (readonly [name: string, query: string])[] = [
  ['50 braces within each other', nested(50)],
  ['1,000 tokens', listOf(976)],
  ['a depth of 15', deep('id')],
  ['30 aliases', `{viewer{${count(30, (i) => `a${i}:kind`)}}}`],
  ['20 root fields', `{${repeat('viewer{kind}', 20)}}`],
  ['10 directives', `{viewer{${repeat('kind @skip(if:false)', 10)}}}`],
  ['a cost just under 10,000', '{chatbots(first:99){nodes{sources(first:48){nodes{id}}}}}'],
  ['fragments that multiply nothing', bomb('{viewer{...F0}}', 'Viewer', 'kind')],
  ['brackets in a string', `{chatbot(slug:"${'({['.repeat(60)}"){id}}`],
  ['brackets and quotes in a block string', `{chatbot(slug:"""${'({[ " \\""" '.repeat(60)}"""){id}}`],
  ['brackets and quotes in comments', `# ${'({["'.repeat(60)}\n{viewer{kind}} # ${'{'.repeat(60)}`],
];

describe.each(['HTTP', 'WebSocket'])('an operation over %s', (transport) => {
  let gateway: TestGateway;
  let ask: Ask;

  beforeAll(async () => {
    gateway = await startGateway();
    ask = transport === 'HTTP' ? gateway.graphql : openSocket(gateway, { authorization: `Bearer ${gateway.key}` }).ask;
  });
  afterAll(async () => {
    expect(gateway.logs.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    await gateway.close();
  });

  async function timed(query: string, variables?: object): Promise<Answer> {
    const startedAt = performance.now();
    const answer = await ask(query, variables);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    return answer;
  }

  it.each(TOO_COMPLEX)('is rejected for %s within a second', async (_name, query, message) => {
    const answer = await timed(query);
    expect(codesOf(answer)).toEqual(['QUERY_TOO_COMPLEX']);
    expect(answer.errors?.[0]?.message).toMatch(message);
    expect(answer.data ?? null).toBeNull();
  });

  it.each(INVALID)('is rejected as invalid for %s within a second', async (_name, query) => {
    const answer = await timed(query);
    expect(new Set(codesOf(answer))).toEqual(new Set(['GRAPHQL_VALIDATION_FAILED']));
  });

  it.each(WITHIN)('is allowed with %s', async (_name, query) => {
    const { data, errors } = await timed(query);
    expect(errors).toBeUndefined();
    expect(data).toBeTruthy();
  });

  it('is measured with the values of its variables', async () => {
    const query = 'query ($n: Int) { chatbots(first: $n) { nodes { sources(first: $n) { nodes { id } } } } }';
    expect(codesOf(await timed(query, { n: 100 }))).toEqual(['QUERY_TOO_COMPLEX']);
    expect(codesOf(await timed(query, { n: 10 }))).toEqual([]);
    expect(codesOf(await timed(query, { n: 100 }))).toEqual(['QUERY_TOO_COMPLEX']);
  });

  it('gets at most five validation errors, and a note that there are more', async () => {
    const answer = await timed(`{${count(50, (i) => `unknown${i}`)}}`);
    expect(new Set(codesOf(answer))).toEqual(new Set(['GRAPHQL_VALIDATION_FAILED']));
    expect(answer.errors).toHaveLength(6);
    expect(answer.errors?.at(-1)?.message).toMatch(/^Too many validation errors/);
  });

  it('gets at most five errors of variables', async () => {
    const answer = await timed('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: Array(50).fill({}) });
    expect(codesOf(answer)).toEqual(['BAD_USER_INPUT']);
    expect(answer.errors?.[0]?.message.match(/got invalid value/g)).toHaveLength(5);
  });

  it('may be the standard introspection query', async () => {
    const { data, errors } = await timed(getIntrospectionQuery());
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({ __schema: { queryType: { name: 'Query' } } });
  });
});

describe('a batch', () => {
  it('is rejected over HTTP', async () => {
    const gateway = await startGateway();
    const response = await gateway.fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify([{ query: '{viewer{kind}}' }, { query: '{viewer{kind}}' }]),
    });
    expect(response.status).toBe(400);
    expect(codesOf((await response.json()) as Answer)).toEqual(['MALFORMED_BODY']);
    await gateway.close();
  });
});
