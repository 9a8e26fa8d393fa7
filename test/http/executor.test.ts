import {
  buildSchema,
  defaultFieldResolver,
  type ExecutionResult,
  execute,
  GraphQLError,
  isObjectType,
  parse,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createExecutor } from '../../src/http/executor.ts';
import { createMetrics } from '../../src/metrics.ts';
import { startGateway } from '../helpers/gateway.ts';

const schema = buildSchema(`
  directive @oneOf on INPUT_OBJECT
  enum Size { SMALL LARGE }
  interface Animal { name: String!  friend: Animal  friends: [Animal!]!  strict: String! }
  type Dog implements Animal { name: String!  friend: Animal  friends: [Animal!]!  strict: String!  barks: Boolean }
  type Cat implements Animal { name: String!  friend: Animal  friends: [Animal!]!  strict: String!  meows: Boolean }
  union Pet = Dog | Cat
  input Choice @oneOf { id: ID  name: String }
  input Filter { size: Size = SMALL  names: [String!]  limit: Int = 3 }
  type Query {
    dog: Dog!  cat: Cat  pets: [Pet!]!  animals: [Animal]!  maybe: [String!]
    fails: String  failsLater: String  failsHard: String!  strange: Int  located: String
    echo(filter: Filter, size: Size = LARGE, id: ID, n: Int, list: [Int!]): String
    choose(by: Choice!): String
  }
  type Mutation { add(n: Int!): Int!  breaks: Int! }
`);

// Compiled operations do not call methods of plain objects; fields of the real schema have resolvers.
for (const type of Object.values(schema.getTypeMap())) {
  if (!isObjectType(type) || type.name.startsWith('__')) continue;
  for (const field of Object.values(type.getFields())) field.resolve = defaultFieldResolver;
}

const animal = (name: string, fields: object = {}) => ({ name, friend: null, friends: [], strict: 'yes', ...fields });
const dog = animal('Rex', {
  __typename: 'Dog',
  barks: true,
  friend: animal('Tom', { __typename: 'Cat', strict: null }),
  friends: () => [
    animal('A', { __typename: 'Dog' }),
    Promise.resolve(animal('B', { __typename: 'Cat', meows: false })),
  ],
});
const throwError = (error: unknown) => () => {
  throw error;
};
let sum = 0;
const root = {
  dog,
  cat: async () => animal('Tom', { __typename: 'Cat', strict: throwError(new Error('never strict')) }),
  pets: [dog, animal('Tom', { __typename: 'Cat', meows: true })],
  animals: () => [dog, null, Promise.reject(new Error('lost'))],
  maybe: ['a', null, 'c'],
  fails: throwError(new Error('no')),
  failsLater: async () => throwError(new Error('later'))(),
  failsHard: throwError(new GraphQLError('hard', { extensions: { code: 'HARD' } })),
  located: throwError(new GraphQLError('elsewhere', { path: ['there'] })),
  strange: 'no number',
  echo: (args: object) => JSON.stringify(Object.entries(args).toSorted(([a], [b]) => a.localeCompare(b))),
  choose: (args: object) => JSON.stringify(args),
  add: ({ n }: { n: number }) => {
    sum += n;
    return Promise.resolve(sum);
  },
  breaks: throwError(new Error('broken')),
};

const CASES: [what: string, query: string, variables?: Record<string, unknown>][] = [
  ['fields in the order of the query', '{ b: maybe pets { __typename } dog { strict name barks } __typename }'],
  [
    'interfaces and fragments',
    '{ dog { ...F friends { ...F ... on Cat { meows } } } } fragment F on Animal { name __typename }',
  ],
  ['a union', '{ pets { ... on Dog { barks } ... on Cat { meows } } }'],
  ['a thrown error', '{ fails dog { name } }'],
  ['errors on later lines', '{\n  dog { name }\r\n  fails\r  fails\n}'],
  ['a rejected promise', '{ failsLater dog { name } }'],
  ['an error with a code that nulls all data', '{ dog { name } failsHard }'],
  ['an error with its own path', '{ located }'],
  ['a null in a non-null field, which nulls the nearest nullable parent', '{ dog { friend { name strict } } }'],
  ['an error in a non-null field, which nulls the nearest nullable parent', '{ cat { name strict } dog { name } }'],
  ['a null in a list', '{ maybe dog { name } }'],
  ['a rejection in a list', '{ animals { name } }'],
  ['a value that cannot be serialized', '{ strange }'],
  ['arguments with defaults', '{ echo a: echo(size: SMALL, filter: {}) b: echo(filter: { names: "one" }, list: 3) }'],
  [
    'variables, of which some are absent and some null',
    'query ($f: Filter, $s: Size, $i: ID = 7, $n: Int, $l: [Int!]) { echo(filter: $f, size: $s, id: $i, n: $n, list: $l) }',
    { f: { size: 'LARGE', names: ['x'] }, n: null, l: [1, 2] },
  ],
  ['a oneOf input with one field', 'query ($c: Choice!) { choose(by: $c) }', { c: { id: '1' } }],
  ['a oneOf input with two fields', 'query ($c: Choice!) { choose(by: $c) }', { c: { id: '1', name: 'a' } }],
  ['a oneOf input without fields', 'query ($c: Choice!) { choose(by: $c) }', { c: {} }],
  ['a variable of the wrong type', 'query ($n: Int) { echo(n: $n) }', { n: 'one' }],
  ['a variable that is missing', 'query ($n: Int!) { echo(n: $n) }'],
  ['mutations one after the other', 'mutation { a: add(n: 1) b: add(n: 2) c: add(n: -3) }'],
  ['mutations up to a failed one', 'mutation { a: add(n: 0) breaks b: add(n: 0) }'],
];

function createTestExecutor(compileAtUse: number) {
  const metrics = createMetrics();
  const countCompilations = async () => {
    const { values } = await metrics.compilations.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
  };
  return { countCompilations, ...createExecutor({ config: { ...readConfig({}), compileAtUse }, metrics }) };
}

const serializeResult = ({ data, errors }: ExecutionResult) =>
  JSON.stringify({
    ...(errors && { errors: errors.map((error) => ({ ...error.toJSON(), isFault: isFault(error) })) }),
    data,
  });

/** Whether an error is masked: anything thrown that is not a GraphQL error. */
const isFault = ({ originalError }: GraphQLError) =>
  originalError !== undefined && !(originalError instanceof GraphQLError);

describe('a compiled operation', () => {
  it.each(CASES)('returns the same result as graphql-js: %s', async (_what, query, variableValues = {}) => {
    const { execute: executeCompiled, countCompilations } = createTestExecutor(1);
    const args = { schema, document: parse(query), rootValue: root, variableValues };
    const expected = serializeResult(await execute(args));
    expect(serializeResult(await executeCompiled(args))).toBe(expected);
    expect(serializeResult(await executeCompiled(args))).toBe(expected);
    expect((await countCompilations()).failed).toBeUndefined();
  });

  it.each([
    ['introspection', '{ __type(name: "Dog") { name } maybe }', {}],
    [
      'variables within input objects',
      'query ($n: Int, $s: [String!]) { echo(filter: { limit: $n, names: $s }) }',
      { s: ['y'] },
    ],
    ['non-null variables with a default', 'query ($n: Int! = 3) { echo(n: $n) }', {}],
    [
      '@include with a variable',
      'query ($no: Boolean!) { dog { ...F @include(if: $no) } maybe } fragment F on Dog { name }',
      { no: false },
    ],
  ])('does not support %s: graphql-js executes it', async (_what, query, variableValues) => {
    const { execute: executeCompiled, countCompilations } = createTestExecutor(1);
    const args = { schema, document: parse(query), rootValue: root, variableValues };
    expect(serializeResult(await executeCompiled(args))).toBe(serializeResult(await execute(args)));
    expect(await countCompilations()).toEqual({ failed: 1 });
  });

  it('is compiled once per operation of a document', async () => {
    const { execute: executeCompiled, countCompilations } = createTestExecutor(1);
    const document = parse('query A { dog { ...F } } query B { cat { ...F } } fragment F on Animal { name }');
    const executeOperation = async (operationName: string) =>
      executeCompiled({ schema, document, operationName, rootValue: root });
    expect(await executeOperation('A')).toEqual({ data: { dog: { name: 'Rex' } } });
    expect(await executeOperation('B')).toEqual({ data: { cat: { name: 'Tom' } } });
    expect(await executeOperation('A')).toEqual({ data: { dog: { name: 'Rex' } } });
    expect(await countCompilations()).toEqual({ ok: 2 });
  });

  it('is compiled after the configured number of uses, or never if that is 0', async () => {
    const args = { schema, document: parse('{ maybe }'), rootValue: { maybe: ['a'] } };
    for (const [compileAtUse, counts] of [
      [3, [{}, {}, { ok: 1 }, { ok: 1 }]],
      [0, [{}, {}, {}, {}]],
    ] as const) {
      const executor = createTestExecutor(compileAtUse);
      for (const expected of counts) {
        expect(await executor.execute(args)).toEqual({ data: { maybe: ['a'] } });
        expect(await executor.countCompilations()).toEqual(expected);
      }
    }
  });
});

describe('a gateway', () => {
  it.each([
    ['true', /compilations_total\{outcome="ok"\} [1-9]/],
    ['false', /compilations_total counter\n(?!chatgraph_graphql_compilations_total)/],
  ])('with GRAPHQL_JIT=%s returns the same result, and counts compilations in its metrics', async (jit, metrics) => {
    const gateway = await startGateway({ env: { GRAPHQL_JIT: jit } });
    for (let count = 0; count < 4; count++) {
      const { data, errors } = await gateway.graphql('{ viewer { kind } chatbots { nodes { id } } }');
      expect({ data, errors }).toEqual({ data: { viewer: { kind: 'API_KEY' }, chatbots: { nodes: [] } } });
    }
    expect(await (await gateway.fetch('/metrics')).text()).toMatch(metrics);
    await gateway.close();
  });
});
