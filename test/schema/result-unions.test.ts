import { assertInterfaceType, assertObjectType, type GraphQLObjectType, isUnionType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';

const unions = Object.values(schema.getTypeMap()).filter(isUnionType);
const errorNames = new Set(
  schema.getPossibleTypes(assertInterfaceType(schema.getType('Error'))).map(({ name }) => name),
);

describe('the result of a mutation', () => {
  it('is a union of one payload and errors', () => {
    const results = Object.values(schema.getMutationType()?.getFields() ?? {}).map(({ type }) => `${type}`);
    // Of a mutation of many objects, each object has a result of its own.
    results.push('UpdateConversationResult!');
    expect(unions.map(({ name }) => `${name}!`).sort()).toEqual(results.sort());
    for (const union of unions) {
      const payloads = union.getTypes().filter(({ name }) => !errorNames.has(name));
      expect(payloads.map(({ name }) => name)).toEqual([union.name.replace(/Result$/, 'Payload')]);
    }
  });

  it('has the same type for fields of the same name, so that a client can select them together', () => {
    expect(unions.flatMap((union) => listConflicts(union.getTypes()))).toEqual([]);
  });

  it('has no field called `message` in its payload', () => {
    const payloads = unions.flatMap((union) => union.getTypes()).filter(({ name }) => !errorNames.has(name));
    expect(payloads.filter((type) => 'message' in type.getFields()).map(({ name }) => name)).toEqual([]);
  });
});

describe('the comparison of fields', () => {
  it('finds fields of the same name with different types', () => {
    expect(
      listConflicts(['NotFoundError', 'MessageCompleted'].map((name) => assertObjectType(schema.getType(name)))),
    ).toEqual(['NotFoundError.message: String!, MessageCompleted.message: Message!']);
  });
});

/** Finds fields that have the same name but different types. */
function listConflicts(types: readonly GraphQLObjectType[]): string[] {
  const conflicts: string[] = [];
  const firstByName = new Map<string, { path: string; type: string }>();
  for (const owner of types) {
    for (const { name, type } of Object.values(owner.getFields())) {
      const field = { path: `${owner.name}.${name}`, type: `${type}` };
      const other = firstByName.get(name);
      if (other !== undefined && other.type !== field.type) {
        conflicts.push(`${other.path}: ${other.type}, ${field.path}: ${field.type}`);
      }
      firstByName.set(name, field);
    }
  }
  return conflicts;
}
