import { readFileSync } from 'node:fs';
import { type GraphQLField, getIntrospectionQuery, getNamedType, isInterfaceType, isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema, webhookSchema } from '../../../schema/index.ts';
import { isLarge } from '../../../src/http/cost/field-sizes.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { errorCodesOf, type OperationResult, openSocket } from '../../helpers/sockets.ts';

const repeatIndexed = (times: number, text: (index: number) => string) =>
  Array.from({ length: times }, (_, i) => text(i)).join(' ');
const messagesQuery = (ids: number, first: number, fields: string) =>
  `{nodes(ids:${JSON.stringify(Array(ids).fill('x'))}){...on Conversation{messages(first:${first}){nodes{${fields}}}}}}`;
/** Deliveries have the largest field values in the schema. */
const deliveriesQuery = (first: number, fields: string) =>
  `{webhookSubscriptions(first:10){nodes{deliveries(first:${first}){nodes{${fields}}}}}}`;
const dryRunField = (document: string) => `dryRunWebhook(sample:MESSAGE_COMPLETED,document:"${document}"){payload}`;
const webhookDocument = (first: number) =>
  `subscription{event{...on MessageCompletedWebhook{conversation{messages(first:${first}){nodes{siblings{id}}}}}}}`;

/**
 * Queries above the limit. An object costs 1. A list multiplies the cost of its item. Each additional alias of a large
 * value costs 1.
 */
const TOO_EXPENSIVE: readonly (readonly [name: string, query: string, cost: number])[] = [
  [
    'objects in nested lists',
    '{chatbots(first:100){nodes{sources(first:100){nodes{id title status}}}}}',
    1 + 100 * (1 + 1 + 100),
  ],
  ['repeated ids', messagesQuery(99, 100, 'id'), 99 * (1 + 1 + 100)],
  ['additional aliases of a text', messagesQuery(48, 95, 'content a:content b:content'), 48 * (2 + 95 * 3)],
  [
    'additional aliases of a JSON value',
    messagesQuery(
      48,
      95,
      repeatIndexed(29, (i) => `a${i}:metadata`),
    ),
    48 * (2 + 95 * 29),
  ],
  [
    'additional aliases selected by fragments',
    `${messagesQuery(40, 90, 'content ...F ...on Message{b:content}')} fragment F on Message{a:content}`,
    40 * (2 + 90 * 3),
  ],
  [
    'additional aliases of a payload',
    deliveriesQuery(
      100,
      repeatIndexed(10, (i) => `a${i}:payload`),
    ),
    1 + 10 * (2 + 100 * 10),
  ],
  [
    'edges beside nodes',
    '{chatbots(first:100){edges{node{id}} nodes{sources(first:98){nodes{id}}}}}',
    1 + 100 * (1 + 1 + 98),
  ],
  ['items of edges', '{chatbots(first:100){edges{node{sources(first:98){edges{cursor}}}}}}', 1 + 100 * (1 + 1 + 98)],
  [
    'the objects within edges beside those within nodes',
    '{chatbots(first:100){edges{node{sources(first:40){nodes{id}}}} nodes{sources(first:60){edges{node{id}}}}}}',
    1 + 100 * (1 + (1 + 40) + (1 + 60)),
  ],
  [
    'further copies of the items',
    `{chatbots(first:100){nodes{id} edges{node{id}} ${repeatIndexed(29, (i) => `a${i}:nodes{id}`)}}}`.replace(
      '{chatbots',
      '{b:chatbots(first:100){nodes{sources(first:69){nodes{id}}}} chatbots',
    ),
    1 + 100 * (1 + 1 + 69) + 1 + 100 * 30,
  ],
  [
    'large values in edges beside those in nodes',
    messagesQuery(48, 95, 'content').replace('nodes{content}', 'nodes{content} edges{node{content a:content}}'),
    48 * (2 + 95 * 3),
  ],
  [
    'the counts of nested lists',
    '{chatbots(first:100){totalCount nodes{sources(first:88){totalCount nodes{id}}}}}',
    1 + 10 + 100 * (1 + 1 + 10 + 88),
  ],
  [
    'the documents of two dry runs',
    `{${dryRunField(webhookDocument(100))}${repeatIndexed(1, () => `b:${dryRunField(webhookDocument(100))}`)}}`,
    2 * 5_104,
  ],
];

const WITHIN_LIMIT: readonly (readonly [name: string, query: string])[] = [
  ['one alias of a large value', deliveriesQuery(99, 'a:payload b:event c:event')],
  [
    'aliases of small values',
    messagesQuery(
      90,
      100,
      repeatIndexed(29, (i) => `a${i}:isShown`),
    ),
  ],
  [
    'a large value selected many times under the same name',
    messagesQuery(48, 95, `content ${repeatIndexed(20, () => 'content')}`),
  ],
  [
    'the page info of nested lists',
    messagesQuery(50, 100, 'id role content').replace(
      'content}}',
      'content} edges{cursor} pageInfo{hasNextPage endCursor}}',
    ),
  ],
  ['items in both nodes and edges', '{chatbots(first:98){nodes{sources(first:98){nodes{id} edges{cursor node{id}}}}}}'],
  [
    'the page info of a list',
    '{chatbots(first:100){nodes{sources(first:97){nodes{id}}} pageInfo{hasNextPage endCursor}}}',
  ],
  ['the document of one dry run', `{${dryRunField(webhookDocument(100))}}`],
];

const extensionsOf = (errors: OperationResult['errors']) =>
  (errors?.[0]?.extensions ?? {}) as unknown as { cost: number; parts: { path: string[]; cost: number }[] };

describe.each(['HTTP', 'WebSocket'])('the cost of an operation over %s', (transport) => {
  let gateway: TestGateway;
  let runOperation: (query: string, variables?: object) => Promise<OperationResult>;

  beforeAll(async () => {
    gateway = await startGateway();
    runOperation =
      transport === 'HTTP' ? gateway.graphql : openSocket(gateway, { authorization: `Bearer ${gateway.key}` }).execute;
  });
  afterAll(() => gateway.close());

  it.each(TOO_EXPENSIVE)('includes %s, and is reported in the error', async (_name, query, cost) => {
    const { errors } = await runOperation(query);
    expect(errors?.[0]?.message).toMatch(/its cost may be at most 10000/);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'QUERY_TOO_COMPLEX', cost, limit: 10_000 });
  });

  it.each(WITHIN_LIMIT)('is within the limit for %s', async (_name, query) => {
    expect((await runOperation(query)).errors).toBeUndefined();
  });

  it('is reported with the most expensive paths, at most five, without what is within them', async () => {
    const fields = repeatIndexed(7, (i) => `a${i}:chatbots(first:${i * 10}){nodes{sources(first:60){nodes{id}}}}`);
    const { errors } = await runOperation(`{${fields}}`);
    const aliases = ['a6', 'a5', 'a4', 'a3', 'a2'];
    expect(errors?.[0]?.extensions?.parts).toEqual(
      aliases.map((alias, i) => ({ path: [alias, 'nodes', 'sources'], cost: (60 - 10 * i) * (1 + 60) })),
    );
  });

  it('is the sum of its parts, when these are at most five', async () => {
    const query = `query($ids:[ID!]!){nodes(ids:$ids){...on Conversation{...F chatbot{...C}}} viewer{kind}}
      fragment F on Conversation{m:messages(first:90){edges{node{siblings{id}}}}}
      fragment C on Chatbot{id leadForm{title fields{name}}}`;
    const { errors } = await runOperation(query, { ids: Array(3).fill('x') });
    const { cost, parts } = extensionsOf(errors);
    expect(parts.slice(0, 3)).toEqual([
      { path: ['nodes', 'm', 'edges', 'node', 'siblings'], cost: 3 * 90 * 50 },
      { path: ['nodes', 'm'], cost: 3 * (1 + 90) },
      { path: ['nodes', 'chatbot', 'leadForm', 'fields'], cost: 3 * 20 },
    ]);
    expect(cost - parts.reduce((sum, part) => sum + part.cost, 0)).toBeLessThan(10);
  });

  it('is that of the example in docs/graphql.md', async () => {
    const page = readFileSync('docs/graphql.md', 'utf8');
    const [, query = '', error = ''] = /costs 5,152:\n\n```graphql\n(.*?)```.*?```json\n(.*?)```/s.exec(page) ?? [];
    expect((await runOperation(query)).errors).toBeUndefined();
    const { errors } = await runOperation(query.replace('first: 50', 'first: 100'));
    expect(errors?.[0]?.extensions).toEqual(JSON.parse(error));
  });

  it.each([
    ['an expensive query', TOO_EXPENSIVE[0]?.[1]],
    ['an invalid query', '{ unknown }'],
  ])(
    'has the status 422 for clients that accept the media type of GraphQL, as has any refusal: %s',
    async (_what, query) => {
      const statusFor = async (accept: string) =>
        (
          await gateway.fetch('/graphql', {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${gateway.key}`, accept },
            body: JSON.stringify({ query }),
          })
        ).status;
      expect(await statusFor('application/graphql-response+json')).toBe(422);
      expect(await statusFor('application/json')).toBe(200);
    },
  );

  it('is divided among the paths as often as fragments select them', async () => {
    const query = `{conversations(first:100){...F ...F nodes{...G ...H}}}
      fragment F on ConversationConnection{nodes{lastMessage{id}}}
      fragment G on Conversation{messages(first:60){nodes{id}} ...H}
      fragment H on Conversation{messages(first:60){nodes{id}}}`;
    const { errors } = await gateway.graphql(query);
    const path = ['conversations', 'nodes'];
    expect(extensionsOf(errors)).toMatchObject({
      cost: 18_601,
      parts: [
        { path: [...path, 'messages'], cost: 3 * 6_100 },
        { path: [...path, 'lastMessage'], cost: 2 * 100 },
        { path: ['conversations'], cost: 101 },
      ],
    });
  });

  it('is reported with parts within a second, whatever the fragments', async () => {
    const levels = repeatIndexed(
      7,
      (i) => `fragment F${i} on Message{parent{...F${i + 1}} siblings{...F${i + 1} ...F${i + 1}}}`,
    );
    const query = `{node(id:"x"){...F0}} ${levels} fragment F7 on Message{id siblings{id}}`;
    const { errors } = await runOperation(query);
    const { parts } = extensionsOf(errors);
    expect(parts).toHaveLength(5);
    expect(parts[0]?.path.slice(0, 2)).toEqual(['node', 'siblings']);
  });

  it('depends on the values of variables', async () => {
    const query = 'query($ids:[ID!]!,$n:Int){nodes(ids:$ids){...on Conversation{messages(first:$n){nodes{id}}}}}';
    expect(errorCodesOf(await runOperation(query, { ids: Array(99).fill('x'), n: 100 }))).toEqual([
      'QUERY_TOO_COMPLEX',
    ]);
    expect(errorCodesOf(await runOperation(query, { ids: Array(9).fill('x'), n: 100 }))).toEqual([]);
    expect(errorCodesOf(await runOperation(query, { ids: Array(99).fill('x'), n: 100 }))).toEqual([
      'QUERY_TOO_COMPLEX',
    ]);
  });
});

/** The introspection queries of common tools. */
const TOOLS: Readonly<Record<string, string>> = {
  'graphql-js': getIntrospectionQuery(),
  'graphql-js with all options': getIntrospectionQuery({
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
const FULL_INTROSPECTION = getIntrospectionQuery();
const [, FULL_FRAGMENTS = ''] = /(fragment FullType[\s\S]*)$/.exec(FULL_INTROSPECTION) ?? [];
const SCHEMA_SELECTION = '{queryType{name} types{...FullType} directives{name args{...InputValue}}}';

describe.each([true, false])('introspection, with a key: %s,', (hasKey) => {
  let gateway: TestGateway;
  const runOperation = async (query: string, operationName?: string): Promise<OperationResult> => {
    const response = await gateway.fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(hasKey && { Authorization: `Bearer ${gateway.key}` }) },
      body: JSON.stringify({ query, operationName }),
    });
    return (await response.json()) as OperationResult;
  };

  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.close());

  it.each(Object.entries(TOOLS))('is allowed once per document, with the query of %s', async (_tool, query) => {
    const { data, errors } = await runOperation(query);
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({ __schema: { queryType: { name: 'Query' } } });
  });

  it.each([
    ['with an alias', `{__schema${SCHEMA_SELECTION} b:__schema${SCHEMA_SELECTION}}${FULL_FRAGMENTS}`],
    [
      'in a fragment',
      `{__schema${SCHEMA_SELECTION} ...F} fragment F on Query{b:__schema${SCHEMA_SELECTION}}${FULL_FRAGMENTS}`,
    ],
    [
      'in another operation',
      `query A{__schema${SCHEMA_SELECTION}} query B{__schema${SCHEMA_SELECTION}}${FULL_FRAGMENTS}`,
    ],
    [
      'within itself',
      `{__schema{types{...FullType fields(includeDeprecated:true){type{fields{name type{name}} ofType{fields{name type{name} args{name}}}}}}}}${FULL_FRAGMENTS}`,
    ],
    ['with aliases of its fields', `{__schema{types{fields{${repeatIndexed(15, (n) => `a${n}:description`)}}}}}`],
  ])('is rejected the second time in a document, %s', async (_how, query) => {
    expect(errorCodesOf(await runOperation(query, query.startsWith('query A') ? 'A' : undefined))).toEqual([
      'QUERY_TOO_COMPLEX',
    ]);
  });

  it('is allowed any number of times if the selections are small', async () => {
    expect(
      (
        await runOperation(
          `{${repeatIndexed(9, (i) => `a${i}:__type(name:"Message"){name fields{name description type{name}}}`)}}`,
        )
      ).errors,
    ).toBeUndefined();
  });
});

describe('the fields of both schemas', () => {
  const fields = Object.values({ ...webhookSchema.getTypeMap(), ...schema.getTypeMap() })
    .filter((type) => (isObjectType(type) || isInterfaceType(type)) && !type.name.startsWith('__'))
    .flatMap((type) =>
      Object.values(isObjectType(type) || isInterfaceType(type) ? type.getFields() : {}).map(
        (field) => [type.name, field] as const,
      ),
    );
  const namesOfFields = (fits: (field: GraphQLField<unknown, unknown>) => boolean) =>
    new Set(fields.filter(([, field]) => fits(field)).map(([, { name }]) => name));

  it('that can be large count as large, including every JSON field', () => {
    const large = namesOfFields(isLarge);
    const json = namesOfFields(({ type }) => getNamedType(type).name === 'JSON');
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
    const missing = unsized.filter(
      ([type, { name }]) => !(/Connection$|^SearchResult$/.test(type) && /^(nodes|edges|hits)$/.test(name)),
    );
    expect(missing.map(([type, { name }]) => `${type}.${name}`)).toEqual(['InvalidInputError.fields']);
  });
});
