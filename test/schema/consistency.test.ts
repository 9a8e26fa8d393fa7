import { type GraphQLEnumType, isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
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

function describeFields(fields: Readonly<Record<string, { readonly type: unknown }>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, `${type}`]));
}
