import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { errorCodesOf, type OperationResult, openSocket } from '../helpers/sockets.ts';

type RunOperation = (query: string, variables?: object) => Promise<OperationResult>;

const repeat = (text: string, times: number) => Array.from({ length: times }, () => text).join(' ');
const repeatIndexed = (times: number, text: (index: number) => string) =>
  Array.from({ length: times }, (_, i) => text(i)).join(' ');

/** A query of nested braces. Its inline fragments add braces, but no depth. */
const nestBraces = (depth: number) => `{viewer${'{...'.repeat(depth - 2)}{kind}${'}'.repeat(depth - 1)}`;
/** A query of nested connections, with one item per list. */
const nestConnections = (leaf: string) =>
  `{chatbots(first:1){nodes{${repeat('conversations(first:1){nodes{chatbot{', 4)}${leaf}${'}}}'.repeat(4)}}}}`;
/** A mutation with 24 tokens, and one more for each number of a list in its input. */
const metadataMutation = (numbers: number) =>
  `mutation{createChatbot(input:{name:"A",metadata:{a:[${repeat('1', numbers)}]}}){__typename}}`;
const nestedLists = `{chatbots{nodes{${repeat('conversations{nodes{chatbot{', 3)}id${'}}}'.repeat(3)}}}}`;
/** An operation with thirty fragments, each of which spreads the next one twice. */
const multiplyFragments = (start: string, type: string, leaf: string, extraSelection = '') =>
  `${start} ${repeatIndexed(30, (i) => `fragment F${i} on ${type}{${extraSelection.replaceAll('$', `F${i + 1}`)} ...F${i + 1} ...F${i + 1}}`)}
   fragment F30 on ${type}{${leaf}}`;
const nestIntrospection = (levels: number) =>
  `{__schema{types{${repeat('fields{type{', levels)}name${'}}'.repeat(levels)}}}}`;

const TOO_COMPLEX: readonly (readonly [name: string, query: string, message: RegExp])[] = [
  ['four nested connections', nestedLists, /cost/],
  ['51 braces within each other', nestBraces(51), /nesting/],
  ['51 brackets that are never closed', `{search(query:${'['.repeat(49)}`, /nesting/],
  ['60 parentheses', '('.repeat(60), /nesting/],
  ['51 braces after a comment with a quote', `# "\n${nestBraces(51)}`, /nesting/],
  ['51 braces after a comment that a carriage return ends', `# {\r${nestBraces(51)}`, /nesting/],
  ['51 braces after a string with a quote', `query($a:String="\\""){${nestBraces(51).slice(1)}`, /nesting/],
  [
    '51 braces after a block string with quotes',
    `query($a:String="""\\""" " """){${nestBraces(51).slice(1)}`,
    /nesting/,
  ],
  ['1,001 tokens', metadataMutation(977), /tokens/],
  ['a depth of 16', nestConnections('sources(first:1){__typename}'), /depth/],
  ['31 aliases', `{viewer{${repeatIndexed(31, (i) => `a${i}:kind`)}}}`, /aliases/],
  [
    'aliases that a fragment repeats',
    `{a:viewer{...F} b:viewer{...F}} fragment F on Viewer{${repeatIndexed(15, (i) => `a${i}:kind`)}}`,
    /aliases/,
  ],
  ['aliases within introspection', `{__schema{types{${repeatIndexed(31, (i) => `a${i}:name`)}}}}`, /aliases/],
  ['21 root fields', `{${repeat('viewer{kind}', 21)}}`, /root fields/],
  ['21 root fields in a fragment', `{...F} fragment F on Query{${repeat('__typename', 21)}}`, /root fields/],
  ['11 directives', `{viewer{${repeat('kind @skip(if:false)', 11)}}}`, /directives/],
  ['11 directives within introspection', `{__schema{types{${repeat('name @skip(if:false)', 11)}}}}`, /directives/],
  ['a cost of more than 10,000', '{chatbots(first:100){nodes{sources(first:100){nodes{id}}}}}', /cost/],
  ['fragments that multiply the root', multiplyFragments('{...F0}', 'Query', '__typename'), /root fields/],
  ['fragments that multiply aliases', multiplyFragments('{viewer{...F0}}', 'Viewer', 'a:kind'), /aliases/],
  [
    'fragments that multiply aliases of introspection',
    multiplyFragments('{__schema{types{...F0}}}', '__Type', 'a:name'),
    /aliases/,
  ],
  [
    'fragments that multiply depth',
    multiplyFragments('{chatbots{nodes{...F0}}}', 'Chatbot', 'id', 'sources(first:1){nodes{chatbot{...$}}}'),
    /depth/,
  ],
  ['introspection with more than 50 nested braces', nestIntrospection(25), /nesting/],
];

const INVALID: readonly (readonly [name: string, query: string])[] = [
  ['nested fragments that end in an unknown one', multiplyFragments('{...F0}', 'Query', '...Unknown')],
  ['nested fragments that end in the first one', multiplyFragments('{...F0}', 'Query', '...F0')],
  ['a fragment that spreads itself', '{...F} fragment F on Query{...F}'],
  ['a field selected 990 times', `{viewer{${repeat('kind', 990)}}}`],
  ['introspection nested in itself', nestIntrospection(4)],
  [
    'introspection nested in itself by fragments',
    multiplyFragments('{__schema{types{...F0}}}', '__Type', 'name', 'fields{type{...$}}'),
  ],
];

const WITHIN_LIMITS: readonly (readonly [name: string, query: string])[] = [
  ['50 braces within each other', nestBraces(50)],
  ['1,000 tokens', metadataMutation(976)],
  ['a depth of 15', nestConnections('id')],
  ['30 aliases', `{viewer{${repeatIndexed(30, (i) => `a${i}:kind`)}}}`],
  ['20 root fields', `{${repeat('viewer{kind}', 20)}}`],
  ['10 directives', `{viewer{${repeat('kind @skip(if:false)', 10)}}}`],
  ['a cost just under 10,000', '{chatbots(first:99){nodes{sources(first:48){nodes{id}}}}}'],
  ['fragments that only repeat the same field', multiplyFragments('{viewer{...F0}}', 'Viewer', 'kind')],
  ['brackets in a string', `{chatbot(slug:"${'({['.repeat(60)}"){id}}`],
  ['brackets and quotes in a block string', `{chatbot(slug:"""${'({[ " \\""" '.repeat(60)}"""){id}}`],
  ['brackets and quotes in comments', `# ${'({["'.repeat(60)}\n{viewer{kind}} # ${'{'.repeat(60)}`],
];

describe.each(['HTTP', 'WebSocket'])('an operation over %s', (transport) => {
  let gateway: TestGateway;
  let runOperation: RunOperation;

  beforeAll(async () => {
    gateway = await startGateway();
    runOperation =
      transport === 'HTTP' ? gateway.graphql : openSocket(gateway, { authorization: `Bearer ${gateway.key}` }).execute;
  });
  afterAll(async () => {
    expect(gateway.logs.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    await gateway.close();
  });

  async function runWithinSecond(query: string, variables?: object): Promise<OperationResult> {
    const startedAt = performance.now();
    const answer = await runOperation(query, variables);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    return answer;
  }

  it.each(TOO_COMPLEX)('is rejected for %s within a second', async (_name, query, message) => {
    const answer = await runWithinSecond(query);
    expect(errorCodesOf(answer)).toEqual(['QUERY_TOO_COMPLEX']);
    expect(answer.errors?.[0]?.message).toMatch(message);
    expect(answer.data ?? null).toBeNull();
  });

  it.each(INVALID)('is rejected as invalid for %s within a second', async (_name, query) => {
    const answer = await runWithinSecond(query);
    expect(new Set(errorCodesOf(answer))).toEqual(new Set(['GRAPHQL_VALIDATION_FAILED']));
  });

  it.each(WITHIN_LIMITS)('is allowed with %s', async (_name, query) => {
    const { data, errors } = await runWithinSecond(query);
    expect(errors).toBeUndefined();
    expect(data).toBeTruthy();
  });

  it('is measured with the values of its variables at each execution', async () => {
    const query = 'query ($n: Int) { chatbots(first: $n) { nodes { sources(first: $n) { nodes { id } } } } }';
    expect(errorCodesOf(await runWithinSecond(query, { n: 100 }))).toEqual(['QUERY_TOO_COMPLEX']);
    expect(errorCodesOf(await runWithinSecond(query, { n: 10 }))).toEqual([]);
    expect(errorCodesOf(await runWithinSecond(query, { n: 100 }))).toEqual(['QUERY_TOO_COMPLEX']);
  });

  it('gets at most five validation errors, and one that says that there are more', async () => {
    const answer = await runWithinSecond(`{${repeatIndexed(50, (i) => `unknown${i}`)}}`);
    expect(new Set(errorCodesOf(answer))).toEqual(new Set(['GRAPHQL_VALIDATION_FAILED']));
    expect(answer.errors).toHaveLength(6);
    expect(answer.errors?.at(-1)?.message).toMatch(/^Too many validation errors/);
  });

  it('gets at most five errors about its variables', async () => {
    const answer = await runWithinSecond('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      ids: Array(50).fill({}),
    });
    expect(errorCodesOf(answer)).toEqual(['BAD_USER_INPUT']);
    expect(answer.errors?.[0]?.message.match(/got invalid value/g)).toHaveLength(5);
  });

  it('may be the standard introspection query', async () => {
    const { data, errors } = await runWithinSecond(getIntrospectionQuery());
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({ __schema: { queryType: { name: 'Query' } } });
  });
});
