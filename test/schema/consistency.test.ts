import { type GraphQLEnumType, isInputObjectType, isNonNullType, isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { CHANGES_RULE } from '../../schema/builder.ts';
import { schema } from '../../schema/index.ts';

const types = Object.values(schema.getTypeMap());

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

function describeFields(fields: Readonly<Record<string, { readonly type: unknown }>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, `${type}`]));
}
