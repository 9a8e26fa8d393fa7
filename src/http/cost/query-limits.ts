import {
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { QUERY_LIMITS, tooComplexError } from '../parse-document.ts';
import { listMostExpensive, MAX_PARTS } from '../response-limit.ts';
import { divideCost } from './cost-parts.ts';
import { computeIntrospectionCost, isIntrospectionField } from './introspection-cost.ts';
import { createSelectionMeter, fragmentOf } from './query-cost.ts';

/**
 * Measures a validated operation and refuses it if it is too large. An object with its plain values costs 1, and a list
 * the sum of the costs of its items, at their maximum number. `nodes`, `edges` and `pageInfo` cost nothing themselves;
 * an item in both `nodes` and `edges` counts once. Some fields have a fixed extra cost, and each further selection of a
 * large value of an object costs extra. The cost of introspection is that of its result: see `computeIntrospectionCost`.
 * A mutation is refused if its largest possible response would exceed a limit in bytes: after the mutation has run, it
 * is too late to refuse the response.
 * @returns the cost.
 * @throws QueryTooComplexError
 */
export function measureOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): number {
  const root = schema.getRootType(operation.operation);
  const knownCost = constantCosts.get(operation);
  if (root == null || knownCost !== undefined) return knownCost ?? 0;
  const meter = createSelectionMeter(schema, document, variables);
  const size = meter.measure(operation.selectionSet, root);
  requireAtMost('depth', size.depth, QUERY_LIMITS.depth);
  requireAtMost('number of aliases', size.aliases, QUERY_LIMITS.aliases);
  requireAtMost('number of directives', size.directives + (operation.directives?.length ?? 0), QUERY_LIMITS.directives);
  const fields = rootFieldNodesOf(document, operation);
  requireAtMost('number of root fields', fields.length, QUERY_LIMITS.rootFields);
  const introspectionCost = computeIntrospectionCost(schema, document, operation, variables);
  const cost = size.cost + introspectionCost;
  if (cost > QUERY_LIMITS.cost) {
    const introspection = fields.filter(isIntrospectionField).slice(0, 1);
    const parts = [
      ...introspection.map((field) => ({ path: [responseNameOf(field)], cost: introspectionCost })),
      ...divideCost({ schema, document, variables, meter }, operation.selectionSet, root, MAX_PARTS),
    ];
    throw tooComplexError('cost', QUERY_LIMITS.cost, { size: cost, parts: listMostExpensive(parts) });
  }
  if (operation.operation === 'mutation' && size.bytes > QUERY_LIMITS.mutationBytes) {
    const parts = fields.map((field) => ({
      path: [responseNameOf(field)],
      cost: meter.measureField(field, root).bytes,
    }));
    throw tooComplexError('largest possible response in bytes', QUERY_LIMITS.mutationBytes, {
      size: size.bytes,
      parts: listMostExpensive(parts),
    });
  }
  // The size of most operations never changes: no variable is an argument that determines it.
  if (!meter.dependsOnVariables && introspectionCost === 0) constantCosts.set(operation, cost);
  return cost;
}

/** The costs of operations within the limits that do not depend on variables. */
const constantCosts = new WeakMap<OperationDefinitionNode, number>();

/**
 * The names of an operation's root fields, with fragments inlined and repetitions kept. The document may be invalid:
 * each fragment is read once, however often it is spread, even by itself.
 * @throws QueryTooComplexError if fragments multiply the fields beyond the limit.
 */
export function rootFieldNamesOf(document: DocumentNode, operation: OperationDefinitionNode): string[] {
  return rootFieldNodesOf(document, operation).map(({ name }) => name.value);
}

function rootFieldNodesOf(document: DocumentNode, operation: OperationDefinitionNode): FieldNode[] {
  const fieldsByFragment = new Map<string, FieldNode[]>();
  const fieldsIn = ({ selections }: SelectionSetNode): FieldNode[] => {
    const fields = selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return [selection];
      return selection.kind === Kind.INLINE_FRAGMENT
        ? fieldsIn(selection.selectionSet)
        : fieldsOf(selection.name.value);
    });
    requireAtMost('number of root fields', fields.length, QUERY_LIMITS.rootFields);
    return fields;
  };
  const fieldsOf = (name: string): FieldNode[] => {
    const cached = fieldsByFragment.get(name);
    if (cached !== undefined) return cached;
    fieldsByFragment.set(name, []);
    const fragment = fragmentOf(document, name);
    const fields = fragment === undefined ? [] : fieldsIn(fragment.selectionSet);
    fieldsByFragment.set(name, fields);
    return fields;
  };
  return fieldsIn(operation.selectionSet);
}

const responseNameOf = ({ alias, name }: FieldNode): string => (alias ?? name).value;

function requireAtMost(quantity: string, size: number, limit: number): void {
  if (size > limit) throw tooComplexError(quantity, limit, { size });
}
