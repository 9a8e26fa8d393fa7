import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  assertInputObjectType,
  type GraphQLEnumType,
  type GraphQLType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql';

import { describe, expect, it } from 'vitest';
import { CHANGES_RULE } from '../../schema/builder.ts';
import { schema } from '../../schema/index.ts';

const types = Object.values(schema.getTypeMap());

/** The names under which ids may appear: `id`, and `<noun>Id` for every object with an id, each also in the plural. */
const nouns = new Set(
  [
    '',
    ...types
      .filter(isObjectType)
      .filter((type) => 'id' in type.getFields())
      .map(({ name }) => name),
  ].flatMap((name) => (name === '' ? ['id', 'ids'] : [`${uncapitalize(name)}Id`, `${uncapitalize(name)}Ids`])),
);

describe('a list that can grow', () => {
  const connections = types.filter(isObjectType).filter(({ name }) => name.endsWith('Connection'));

  it('has one connection type per type of object, named after it, with edges named likewise', () => {
    expect(connections.length).toBeGreaterThanOrEqual(8);
    for (const type of connections) {
      const { name } = type;
      const node = name.replace(/Connection$/, '');
      expect([name, describeFields(type.getFields())]).toEqual([
        name,
        { edges: `[${node}Edge!]!`, nodes: `[${node}!]!`, pageInfo: 'PageInfo!', totalCount: 'Int!' },
      ]);
    }
  });

  it('takes the same arguments everywhere', () => {
    const names = new Set(connections.map(({ name }) => `${name}!`));
    const fields = types.filter(isObjectType).flatMap((type) => Object.values(type.getFields()));
    for (const { name, args } of fields.filter(({ type }) => names.has(`${type}`))) {
      const pageArgs = args.filter((arg) => /^(first|after|last|before)$/.test(arg.name));
      expect([name, ...pageArgs.map((arg) => `${arg.name}: ${arg.type}`).sort()]).toEqual([
        name,
        ...['after: String', 'before: String', 'first: Int', 'last: Int'],
      ]);
    }
  });
});

it('calls those who speak, answer, type and read by the same roles', () => {
  const valuesOf = (name: string) => (schema.getType(name) as GraphQLEnumType).getValues().map((value) => value.name);
  expect(valuesOf('MessageRole')).toEqual(['AGENT', 'ASSISTANT', 'SYSTEM', 'USER']);
  for (const name of ['Answerer', 'TypingRole', 'ReaderRole']) {
    expect(valuesOf('MessageRole')).toEqual(expect.arrayContaining(valuesOf(name)));
  }
});

describe('an input that changes something', () => {
  const inputs = types
    .filter(isInputObjectType)
    .filter(({ name }) => /^Update\w*Input$|^AnsweringInput$/.test(name))
    .filter((type) => Object.values(type.getFields()).some((field) => !isNonNullType(field.type)));

  it('keeps what is absent and clears what is null, and says of each field what null does', () => {
    expect(inputs.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'AnsweringInput',
        'UpdateChatbotInput',
        'UpdateConversationsInput',
        'UpdateWebhookSubscriptionInput',
      ]),
    );
    for (const type of inputs) {
      expect(type.description, type.name).toContain(CHANGES_RULE);
      for (const field of Object.values(type.getFields()).filter((each) => !isNonNullType(each.type))) {
        expect(field.description, `${type.name}.${field.name}`).toMatch(/\bnull\b/i);
        expect(field.defaultValue, `${type.name}.${field.name}`).toBeUndefined();
      }
    }
  });
});

describe('an id', () => {
  /** The mutations that add something to the object that they name, or start something for it. */
  const adding = new Set([
    ...['captureLead', 'createApiKey', 'createSessionToken', 'createSource', 'createWebhookSubscription'],
    ...['rotateIdentitySecret', 'sendAgentMessage', 'sendMessage', 'setRateLimit', 'setTyping'],
  ]);
  const isId = ({ type }: { readonly type: GraphQLType }) => getNamedType(type).name === 'ID';

  it('is called `id` in the input of a mutation that acts on the object, and after its noun in every other', () => {
    const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
    const named = mutations.flatMap(({ name, args }) => {
      const input = assertInputObjectType(getNamedType(args[0]?.type));
      const ids = Object.values(input.getFields()).filter(isId);
      return ids.length === 0 ? [] : [[name, ids.map((field) => field.name)] as const];
    });
    expect(named.length).toBeGreaterThanOrEqual(25);
    for (const [name, ids] of named) {
      expect([name, ids]).toEqual([
        name,
        adding.has(name) ? ids.filter((id) => nouns.has(id)) : [name === 'updateConversations' ? 'ids' : 'id'],
      ]);
    }
  });

  it('is called `id` or after the noun of an object everywhere else', () => {
    const objects = types.filter(isObjectType).filter((type) => !isIntrospectionType(type));
    const fields = [...objects, ...types.filter(isInputObjectType)].flatMap((type) =>
      Object.values(type.getFields()).map((field) => ({ name: field.name, type: field.type, at: type.name })),
    );
    const args = objects.flatMap((type) =>
      Object.values(type.getFields()).flatMap((field) =>
        field.args.map((arg) => ({ name: arg.name, type: arg.type, at: `${type.name}.${field.name}` })),
      ),
    );
    const odd = [...fields, ...args].filter(isId).filter(({ name }) => !nouns.has(name) && !/^deletedIds?$/.test(name));
    // Events of webhooks are no objects of the graph, and no branch has an id: it is named by a message.
    expect(odd.map(({ at, name }) => `${at}: ${name}`).sort()).toEqual([
      'Conversation.messages: branch',
      'Query.dryRunWebhook: eventId',
      'Subscription.webhookDeliveries: subscriptionId',
      'WebhookDelivery: eventId',
      'WebhookDeliveryFilter: eventId',
    ]);
  });
});

describe('a value of an enum', () => {
  /** The values that no test can bring about, each with the reason. */
  const exceptions: Readonly<Record<string, string>> = {
    'MessageRole.SYSTEM': 'The role belongs to the vocabulary, but the gateway itself does not write messages yet.',
  };

  it('occurs in a test', () => {
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const paths = globSync('test/**/*.ts', { cwd: root, exclude: [relative(root, fileURLToPath(import.meta.url))] });
    const sources = paths.map((path) => readFileSync(join(root, path), 'utf8'));
    const words = new Set(sources.flatMap((source) => source.match(/\b[A-Z][A-Z_]*\b/g) ?? []));
    const untested = types
      .filter(isEnumType)
      .filter((type) => !isIntrospectionType(type))
      .flatMap((type) => type.getValues().map(({ name }) => ({ name, at: `${type.name}.${name}` })))
      .filter(({ name }) => !words.has(name));
    expect(untested.map(({ at }) => at).filter((at) => exceptions[at] === undefined)).toEqual([]);
  });
});

it('has one code for each type of error, and each type in a union', () => {
  const codes = (schema.getType('ErrorCode') as GraphQLEnumType).getValues().map(({ name }) => name);
  const errors = types.filter(isObjectType).filter((type) => type.getInterfaces().some(({ name }) => name === 'Error'));
  const codeOf = (name: string) =>
    name
      .replace(/Error$/, '')
      .replace(/(?<=[a-z])[A-Z]/g, '_$&')
      .toUpperCase();
  expect(errors.map(({ name }) => codeOf(name)).sort()).toEqual(codes.sort());
  const members = new Set(types.filter(isUnionType).flatMap((type) => type.getTypes()));
  for (const type of errors) expect([type.name, members.has(type)]).toEqual([type.name, true]);
});

function describeFields(fields: Readonly<Record<string, { readonly type: unknown }>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, `${type}`]));
}

function uncapitalize(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
