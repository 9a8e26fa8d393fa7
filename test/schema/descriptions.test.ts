import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema, webhookSchema } from '../../schema/index.ts';
import { scopesOf } from '../../schema/scopes.ts';

/** A schema element, with its description. */
interface Element {
  readonly name: string;
  readonly description: string | null | undefined;
}

/** A type with all its elements. */
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

const SCHEMAS = [schema, webhookSchema];
const types = [...new Set(SCHEMAS.flatMap((each) => Object.values(each.getTypeMap())))].filter(
  (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
);
const elements = [...SCHEMAS.map(({ description }) => ({ name: 'schema', description })), ...types.flatMap(elementsOf)];

describe('the schema', () => {
  it('describes itself and every type, field, argument, input field and enum value', () => {
    expect(elements.filter(({ description }) => !description).map(({ name }) => name)).toEqual([]);
  });

  it('is checked for every kind of element', () => {
    expect(elements.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'Query.chatbots(first)',
        'MessageCompletedWebhook.message',
        'schema',
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

  it('starts descriptions with a noun phrase or a verb, not with a question word', () => {
    const odd = elements.filter(({ description }) =>
      /^(What|Who|Whose|Whom|Whether|Where|When|Why|How)\b/.test(description ?? ''),
    );
    expect(odd.map(({ name, description }) => `${name}: ${description}`)).toEqual([]);
  });

  it('names, in the description of a field, the scopes of which it needs one', () => {
    const fields = types
      .filter((type) => isObjectType(type) || isInterfaceType(type))
      .flatMap((type) =>
        Object.values(type.getFields()).map((field) => ({ name: `${type.name}.${field.name}`, field })),
      );
    const unnamed = fields.filter(({ field }) => {
      const [, named = ''] = /\bNeeds ((?:`\w+`(?:, | or )?)*)/.exec(field.description ?? '') ?? [];
      const scopes = [...named.matchAll(/\w+(?=`)/g)].map(String);
      return scopes.toSorted().join() !== scopesOf(field).toSorted().join();
    });
    expect(unnamed.map(({ name, field }) => `${name}: ${scopesOf(field).join(' or ')}`)).toEqual([]);
  });

  it('names the specification of every custom scalar', () => {
    const scalars = types.filter(isScalarType);
    expect(scalars.map(({ name, specifiedByURL }) => [name, specifiedByURL])).toEqual([
      ['BigInt', 'https://www.rfc-editor.org/rfc/rfc8259#section-6'],
      ['Date', 'https://www.rfc-editor.org/rfc/rfc3339#section-5.6'],
      ['DateTime', 'https://www.rfc-editor.org/rfc/rfc3339'],
      ['JSON', 'https://www.rfc-editor.org/rfc/rfc8259'],
    ]);
  });
});
