import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';

/** Something that clients read about, with what it says of itself. */
interface Element {
  readonly name: string;
  readonly description: string | null | undefined;
}

/** A type with everything inside it. */
function elementsOf(type: GraphQLNamedType): Element[] {
  const inner: Element[] = [];
  if (isObjectType(type) || isInterfaceType(type)) {
    for (const field of Object.values(type.getFields())) {
      inner.push(
        field,
        ...field.args.map(({ name, description }) => ({ name: `${field.name}(${name})`, description })),
      );
    }
  }
  if (isInputObjectType(type)) inner.push(...Object.values(type.getFields()));
  if (isEnumType(type)) inner.push(...type.getValues());
  return [type, ...inner.map(({ name, description }) => ({ name: `${type.name}.${name}`, description }))];
}

const types = Object.values(schema.getTypeMap()).filter(
  (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
);
const elements = types.flatMap(elementsOf);

describe('the schema', () => {
  it('describes every type, field, argument, input field and enum value', () => {
    expect(elements.filter(({ description }) => !description).map(({ name }) => name)).toEqual([]);
  });

  it('is looked through to its arguments, input fields and enum values', () => {
    expect(elements.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'Query.chatbots(first)',
        'CreateChatbotInput.slug',
        'Scope.READ',
        'Node.id',
        'SendMessageResult',
        'JSON',
      ]),
    );
  });

  it('writes descriptions as sentences, without space around them', () => {
    const odd = elements.filter(({ description }) => !/^\S.*[.!?]$/s.test(description ?? ''));
    expect(odd.map(({ name, description }) => `${name}: ${description}`)).toEqual([]);
  });
});
