import {
  type DocumentNode,
  type FieldNode,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  getIntrospectionQuery,
  getNamedType,
  getVariableValues,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  parse,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql';
import { QUERY_LIMITS } from '../parse-document.ts';
import { fragmentOf } from './query-cost.ts';

/** The cost of introspecting the whole schema once. A document that does it twice exceeds the limit. */
const SCHEMA_COST = 6_000;

/** What to count for each object at one position of the response; fragments are inlined. */
interface CountPlan {
  /** How many more response names than properties are selected; the number is added to the object's cost of 1. */
  readonly extraAliases: number;
  readonly children: readonly ChildField[];
}

/** A field whose values are other objects of the schema. */
interface ChildField {
  readonly resolve: (source: unknown) => unknown;
  readonly plan: CountPlan;
}

type Variables = Readonly<Record<string, unknown>>;

const objectCounts = new WeakMap<GraphQLSchema, number>();
const costs = new WeakMap<DocumentNode, number>();

/**
 * Computes the cost of the introspection in all operations of a document. Each type, field, argument and enum value
 * counts once per occurrence in the response, and once more for each further alias of one of its properties. The cost
 * is this count, scaled so that the whole schema costs 6,000.
 * @param variables the variables of `executedOperation`; other operations use their defaults.
 */
export function computeIntrospectionCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  executedOperation: OperationDefinitionNode,
  variables: Variables,
): number {
  const cached = costs.get(document);
  if (cached !== undefined) return cached;
  const operations = document.definitions.filter(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  );
  let cost = 0;
  if (operations.some(({ selectionSet }) => selectsIntrospection(document, selectionSet))) {
    const schemaObjects = countSchemaObjects(schema);
    const limit = (schemaObjects * QUERY_LIMITS.cost) / SCHEMA_COST;
    let count = 0;
    for (const operation of operations) {
      const values = operation === executedOperation ? variables : defaultsOf(schema, operation);
      count += countObjects(schema, document, operation, { variables: values, limit: limit - count });
    }
    cost = Math.ceil((count * SCHEMA_COST) / schemaObjects);
    if (operations.some(({ variableDefinitions }) => variableDefinitions?.length)) return cost;
  }
  costs.set(document, cost);
  return cost;
}

/** Whether a root field is an introspection field. */
export function isIntrospectionField({ name }: FieldNode): boolean {
  return name.value === SchemaMetaFieldDef.name || name.value === TypeMetaFieldDef.name;
}

function selectsIntrospection(document: DocumentNode, selections: SelectionSetNode): boolean {
  return [...collectFields(document, [selections]).values()].flat().some(isIntrospectionField);
}

/** The number of objects in the whole schema. */
function countSchemaObjects(schema: GraphQLSchema): number {
  const cached = objectCounts.get(schema);
  if (cached !== undefined) return cached;
  const document = parse(
    getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, schemaDescription: true, oneOf: true }),
  );
  const [operation] = document.definitions as [OperationDefinitionNode];
  const total = countObjects(schema, document, operation, { variables: {}, limit: Number.POSITIVE_INFINITY });
  objectCounts.set(schema, total);
  return total;
}

function defaultsOf(schema: GraphQLSchema, { variableDefinitions = [] }: OperationDefinitionNode): Variables {
  return getVariableValues(schema, variableDefinitions, {}).coerced ?? {};
}

/** Counts the objects in the response of an operation; stops above `limit`. */
function countObjects(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  { variables, limit }: { variables: Variables; limit: number },
): number {
  const root = operation.operation === 'query' ? schema.getQueryType() : undefined;
  if (root == null) return 0;
  // Introspection resolvers use only its `schema`.
  const info = { schema } as GraphQLResolveInfo;
  let count = 0;

  function planFor(sets: readonly SelectionSetNode[], type: GraphQLObjectType): CountPlan {
    const responseNames = new Map<string, Set<string>>();
    const children: ChildField[] = [];
    for (const [key, nodes] of collectFields(document, sets)) {
      const [node] = nodes as [FieldNode];
      const name = node.name.value;
      responseNames.set(name, (responseNames.get(name) ?? new Set()).add(key));
      const child = createChildField(nodes, type);
      if (child !== undefined) children.push(child);
    }
    const extraAliases = [...responseNames.values()].reduce((sum, { size }) => sum + size - 1, 0);
    return { extraAliases, children };
  }

  function createChildField(nodes: readonly FieldNode[], type: GraphQLObjectType): ChildField | undefined {
    const [node] = nodes as [FieldNode];
    const name = node.name.value;
    const field =
      type === root && name === SchemaMetaFieldDef.name
        ? SchemaMetaFieldDef
        : type === root
          ? name === TypeMetaFieldDef.name && TypeMetaFieldDef
          : type.getFields()[name];
    if (!field) return undefined;
    const inner = getNamedType(field.type);
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    if (!isObjectType(inner) || sets.length === 0) return undefined;
    const args = getArgumentValues(field, node, variables);
    return {
      resolve: (source) => field.resolve?.(source, args, undefined, info),
      plan: planFor(sets, inner),
    };
  }

  function countAll(value: unknown, plan: CountPlan): void {
    if (value == null || count > limit) return;
    if (Array.isArray(value)) {
      for (const item of value) countAll(item, plan);
      return;
    }
    count += 1 + plan.extraAliases;
    for (const child of plan.children) countAll(child.resolve(value), child.plan);
  }

  for (const child of planFor([operation.selectionSet], root).children) countAll(child.resolve(undefined), child.plan);
  return count;
}

/** The fields of selections, by response name. As in an execution, each fragment is read once. */
function collectFields(document: DocumentNode, sets: readonly SelectionSetNode[]): Map<string, FieldNode[]> {
  const fields = new Map<string, FieldNode[]>();
  const visitedFragments = new Set<string>();
  const collect = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const key = (selection.alias ?? selection.name).value;
        const nodes = fields.get(key);
        if (nodes === undefined) fields.set(key, [selection]);
        else nodes.push(selection);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet);
      else if (!visitedFragments.has(selection.name.value)) {
        visitedFragments.add(selection.name.value);
        const fragment = fragmentOf(document, selection.name.value);
        if (fragment !== undefined) collect(fragment.selectionSet);
      }
    }
  };
  for (const set of sets) collect(set);
  return fields;
}
