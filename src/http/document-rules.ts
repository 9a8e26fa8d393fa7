import {
  type DirectiveNode,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  isNonNullType,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { BadUserInputError } from '../domain/errors.ts';
import { fragmentOf } from './cost/query-cost.ts';

/**
 * Finds `@skip` and `@include` at the roots of subscriptions. A subscription always has its field; graphql-js does not
 * check this, and fails if the field is left out. Source: GraphQL, September 2025, 5.2.4.1.
 */
export function findConditionalRoots(document: DocumentNode): GraphQLError[] {
  const visited = new Set<string>();
  const find = ({ selections }: SelectionSetNode): DirectiveNode[] =>
    selections.flatMap((selection) => {
      const found = (selection.directives ?? []).filter(
        ({ name }) => name.value === 'skip' || name.value === 'include',
      );
      if (selection.kind === Kind.INLINE_FRAGMENT) return [...found, ...find(selection.selectionSet)];
      if (selection.kind === Kind.FIELD || visited.has(selection.name.value)) return found;
      visited.add(selection.name.value);
      const fragment = fragmentOf(document, selection.name.value);
      return fragment === undefined ? found : [...found, ...find(fragment.selectionSet)];
    });
  return document.definitions
    .flatMap((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION && definition.operation === OperationTypeNode.SUBSCRIPTION
        ? find(definition.selectionSet)
        : [],
    )
    .map((directive) => {
      const message = `The root of a subscription must not have \`@${directive.name.value}\`.`;
      return new GraphQLError(message, { nodes: directive, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } });
    });
}

const requiredByDocument = new WeakMap<DocumentNode, ReadonlySet<string>>();

/**
 * Refuses null for variables of nullable types where an argument needs a value. Such a document is valid if the variable
 * or the argument has a default; graphql-js reports the null only while it executes the operation.
 * @throws BadUserInputError
 */
export function requireValues(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): void {
  const nulls = Object.keys(variables).filter((name) => variables[name] === null);
  if (nulls.length === 0) return;
  const required = requiredByDocument.get(document) ?? findRequiredVariables(schema, document);
  requiredByDocument.set(document, required);
  const missing = nulls.find((name) => required.has(name));
  if (missing !== undefined) throw new BadUserInputError(`Variable "$${missing}" must not be null.`);
}

/** The names of the variables at places that need a value. */
function findRequiredVariables(schema: GraphQLSchema, document: DocumentNode): ReadonlySet<string> {
  const required = new Set<string>();
  const types = new TypeInfo(schema);
  const visitor = visitWithTypeInfo(types, {
    VariableDefinition: () => false,
    Variable: ({ name }) => {
      if (isNonNullType(types.getInputType())) required.add(name.value);
    },
  });
  visit(document, visitor);
  return required;
}
