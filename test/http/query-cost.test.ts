import { type GraphQLField, getIntrospectionQuery, getNamedType, isInterfaceType, isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { isLarge } from '../../src/http/field-sizes.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type Answer, codesOf, openSocket } from '../helpers/sockets.ts';

const many = (times: number, text: (index: number) => string) =>
  Array.from({ length: times }, (_, i) => text(i)).join(' ');
const messages = (ids: number, first: number, fields: string) =>
  `{nodes(ids:${JSON.stringify(Array(ids).fill('x'))}){...on Conversation{messages(first:${first}){nodes{${fields}}}}}}`;
/** Deliveries have the largest field values in the schema. */
const deliveries = (first: number, fields: string) =>
  `{webhookSubscriptions(first:10){nodes{deliveries(first:${first}){nodes{${fields}}}}}}`;
const dryRun = (document: string) => `dryRunWebhook(sample:MESSAGE_COMPLETED,document:"${document}"){payload}`;
const document = (first: number) =>
  `subscription{event{...on MessageCompletedEvent{conversation{messages(first:${first}){nodes{siblings{id}}}}}}}`;

/** Queries above the limit. An object costs 1, lists multiply, each additional alias of a large value costs 1. */
const TOO_EXPENSIVE: readonly (readonly [name: string, query: string, cost: number])[] = [
  [
    'objects of lists',
    '{chatbots(first:100){nodes{sources(first:100){nodes{id title status}}}}}',
    1 + 100 * (1 + 1 + 100),
  ],
  ['repeated ids', messages(99, 100, 'id'), 99 * (1 + 1 + 100)],
  ['additional aliases of a text', messages(48, 95, 'content a:content b:content'), 48 * (2 + 95 * 3)],
  [
    'additional aliases of a JSON value',
    messages(
      48,
      95,
      many(29, (i) => `a${i}:metadata`),
    ),
    48 * (2 + 95 * 29),
  ],
  [
    'additional aliases selected by fragments',
    `${messages(40, 90, 'content ...F ...on Message{b:content}')} fragment F on Message{a:content}`,
    40 * (2 + 90 * 3),
  ],
  [
    'additional aliases of a payload',
    deliveries(
      100,
      many(10, (i) => `a${i}:payload`),
    ),
    1 + 10 * (2 + 100 * 10),
  ],
  [
    'edges beside nodes',
    '{chatbots(first:100){edges{node{id}} nodes{sources(first:98){nodes{id}}}}}',
    1 + 100 * (1 + 1 + 1 + 1 + 98),
  ],
  ['a document in a dry run', `{${dryRun(document(100))}${many(1, () => `b:${dryRun(document(100))}`)}}`, 2 * 5_104],
];

const WITHIN: readonly (readonly [name: string, query: string])[] = [
  ['one alias of a large value', deliveries(99, 'a:payload b:event c:event')],
  [
    'aliases of small values',
    messages(
      90,
      100,
      many(29, (i) => `a${i}:isShown`),
    ),
  ],
  ['the same name of a large value, many times', messages(48, 95, `content ${many(20, () => 'content')}`)],
  [
    'a page and the next one',
    '{chatbots(first:100){nodes{sources(first:97){nodes{id}}} pageInfo{hasNextPage endCursor}}}',
  ],
  ['a document in a dry run', `{${dryRun(document(100))}}`],
];

describe.each(['HTTP', 'WebSocket'])('the cost of an operation over %s', (transport) => {
  let gateway: TestGateway;
  let ask: (query: string, variables?: object) => Promise<Answer>;

  beforeAll(async () => {
    gateway = await startGateway();
    ask = transport === 'HTTP' ? gateway.graphql : openSocket(gateway, { authorization: `Bearer ${gateway.key}` }).ask;
  });
  afterAll(() => gateway.close());

  it.each(TOO_EXPENSIVE)('counts %s, and reports it', async (_name, query, cost) => {
    const { errors } = await ask(query);
    expect(errors?.[0]?.message).toMatch(/its cost may be at most 10000/);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'QUERY_TOO_COMPLEX', cost, limit: 10_000 });
  });

  it.each(WITHIN)('does not count %s', async (_name, query) => {
    expect((await ask(query)).errors).toBeUndefined();
  });

  it('is reported with the most expensive root fields, at most five', async () => {
    const fields = many(7, (i) => `a${i}:chatbots(first:${i * 10}){nodes{sources(first:60){nodes{id}}}}`);
    const { errors } = await ask(`{${fields}}`);
    const parts = (errors?.[0]?.extensions?.parts ?? []) as { field: string; cost: number }[];
    expect(parts.map(({ field }) => field)).toEqual(['a6', 'a5', 'a4', 'a3', 'a2']);
    expect(parts[0]?.cost).toBe(1 + 60 * (1 + 1 + 60));
  });

  it('counts the values of variables', async () => {
    const query = 'query($ids:[ID!]!,$n:Int){nodes(ids:$ids){...on Conversation{messages(first:$n){nodes{id}}}}}';
    expect(codesOf(await ask(query, { ids: Array(99).fill('x'), n: 100 }))).toEqual(['QUERY_TOO_COMPLEX']);
    expect(codesOf(await ask(query, { ids: Array(9).fill('x'), n: 100 }))).toEqual([]);
    expect(codesOf(await ask(query, { ids: Array(99).fill('x'), n: 100 }))).toEqual(['QUERY_TOO_COMPLEX']);
  });
});

/** The introspection queries of common tools. */
const TOOLS: Readonly<Record<string, string>> = {
  'graphql-js': getIntrospectionQuery(),
  'graphql-js, all of it': getIntrospectionQuery({
    inputValueDeprecation: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    oneOf: true,
    typeDepth: 13,
  }),
  'graphql-js without descriptions': getIntrospectionQuery({ descriptions: false }),
  GraphiQL: getIntrospectionQuery({ inputValueDeprecation: true, schemaDescription: true }),
  codegen: getIntrospectionQuery({ directiveIsRepeatable: true, specifiedByUrl: true, oneOf: true }),
};
const FULL = getIntrospectionQuery();
const [, FULL_FRAGMENTS = ''] = /(fragment FullType[\s\S]*)$/.exec(FULL) ?? [];
const ALL = '{queryType{name} types{...FullType} directives{name args{...InputValue}}}';

describe.each([true, false])('introspection, with a key: %s,', (hasKey) => {
  let gateway: TestGateway;
  const ask = async (query: string, operationName?: string): Promise<Answer> => {
    const response = await gateway.fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(hasKey && { Authorization: `Bearer ${gateway.key}` }) },
      body: JSON.stringify({ query, operationName }),
    });
    return (await response.json()) as Answer;
  };

  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.close());

  it.each(Object.entries(TOOLS))('is allowed once per document: %s', async (_tool, query) => {
    const { data, errors } = await ask(query);
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({ __schema: { queryType: { name: 'Query' } } });
  });

  it.each([
    ['with an alias', `{__schema${ALL} b:__schema${ALL}}${FULL_FRAGMENTS}`],
    ['in a fragment', `{__schema${ALL} ...F} fragment F on Query{b:__schema${ALL}}${FULL_FRAGMENTS}`],
    ['in another operation', `query A{__schema${ALL}} query B{__schema${ALL}}${FULL_FRAGMENTS}`],
    [
      'within itself',
      `{__schema{types{...FullType fields(includeDeprecated:true){type{fields{name type{name ofType{name}} args{name}}}}}}}${FULL_FRAGMENTS}`,
    ],
    ['with aliases of its fields', `{__schema{types{fields{${many(15, (n) => `a${n}:description`)}}}}}`],
  ])('is rejected twice in a document: %s', async (_how, query) => {
    expect(codesOf(await ask(query, query.startsWith('query A') ? 'A' : undefined))).toEqual(['QUERY_TOO_COMPLEX']);
  });

  it('is allowed any number of times if the selections are small', async () => {
    expect(
      (await ask(`{${many(9, (i) => `a${i}:__type(name:"Message"){name fields{name description type{name}}}`)}}`))
        .errors,
    ).toBeUndefined();
  });
});

describe('the fields of the schema', () => {
  const fields = Object.values(schema.getTypeMap())
    .filter((type) => (isObjectType(type) || isInterfaceType(type)) && !type.name.startsWith('__'))
    .flatMap((type) =>
      Object.values(isObjectType(type) || isInterfaceType(type) ? type.getFields() : {}).map(
        (field) => [type.name, field] as const,
      ),
    );
  const named = (fits: (field: GraphQLField<unknown, unknown>) => boolean) =>
    new Set(fields.filter(([, field]) => fits(field)).map(([, { name }]) => name));

  it('that can be large are listed, including every JSON field', () => {
    const large = named(isLarge);
    const json = named(({ type }) => getNamedType(type).name === 'JSON');
    expect([...json].filter((name) => !large.has(name))).toEqual([]);
    for (const name of [
      'content',
      'text',
      'reasoning',
      'quote',
      'payload',
      'data',
      'metadata',
      'customData',
      'headers',
    ]) {
      expect(large).toContain(name);
    }
    for (const name of ['instructions', 'document', 'sample', 'fallbackMessage', 'response'])
      expect(large).toContain(name);
    for (const name of ['id', 'name', 'status', 'createdAt', 'isActive', 'cursor']) expect(large).not.toContain(name);
  });

  it('that are lists of objects declare their size, or belong to a connection', () => {
    const unsized = fields.filter(([, { type, extensions }]) => {
      const inner = getNamedType(type);
      return String(type).includes('[') && isObjectType(inner) && typeof extensions.listSize !== 'function';
    });
    // The enclosing connection or search field declares the size.
    const others = unsized.filter(
      ([type, { name }]) => !(/Connection$|^SearchResult$/.test(type) && /^(nodes|edges|hits)$/.test(name)),
    );
    expect(others.map(([type, { name }]) => `${type}.${name}`)).toEqual(['InvalidInputError.fields']);
  });
});
