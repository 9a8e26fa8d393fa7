import { assertInterfaceType, assertObjectType, type GraphQLObjectType, isUnionType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';

const unions = Object.values(schema.getTypeMap()).filter(isUnionType);
const errors = new Set(schema.getPossibleTypes(assertInterfaceType(schema.getType('Error'))).map(({ name }) => name));

describe('the result of a mutation', () => {
  it('is a union of one payload and of errors', () => {
    const results = Object.values(schema.getMutationType()?.getFields() ?? {}).map(({ type }) => `${type}`);
    expect(unions.map(({ name }) => `${name}!`).sort()).toEqual(results.sort());
    for (const union of unions) {
      const payloads = union.getTypes().filter(({ name }) => !errors.has(name));
      expect(payloads.map(({ name }) => name)).toEqual([union.name.replace(/Result$/, 'Payload')]);
    }
  });

  it('has fields of one type under one name, so that a client may select them side by side', () => {
    expect(unions.flatMap((union) => listConflicts(union.getTypes()))).toEqual([]);
  });

  it('names what its payload holds: none has a field called `message`', () => {
    const named = unions.flatMap((union) => union.getTypes()).filter(({ name }) => !errors.has(name));
    expect(named.filter((type) => 'message' in type.getFields()).map(({ name }) => name)).toEqual([]);
  });
});

describe('the comparison of fields', () => {
  it('finds fields of one name and different types', () => {
    expect(
      listConflicts(['NotFoundError', 'MessageCompleted'].map((name) => assertObjectType(schema.getType(name)))),
    ).toEqual(['NotFoundError.message: String!, MessageCompleted.message: Message!']);
  });
});

/** The fields that have one name and different types. */
function listConflicts(types: readonly GraphQLObjectType[]): string[] {
  const conflicts: string[] = [];
  const seen = new Map<string, { path: string; type: string }>();
  for (const owner of types) {
    for (const { name, type } of Object.values(owner.getFields())) {
      const field = { path: `${owner.name}.${name}`, type: `${type}` };
      const other = seen.get(name);
      if (other !== undefined && other.type !== field.type) {
        conflicts.push(`${other.path}: ${other.type}, ${field.path}: ${field.type}`);
      }
      seen.set(name, field);
    }
  }
  return conflicts;
}
