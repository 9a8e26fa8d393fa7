import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLField,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql';
import { RefusalError } from '../domain/errors.ts';
import { isLarge, maxBytesOf } from './field-sizes.ts';
import { parseWithinLimits } from './parse-document.ts';

/** The measured size of a selection. */
export interface SelectionSize {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly cost: number;
  /** The maximum bytes of its response. */
  readonly bytes: number;
  /** The size that counts once per item of the enclosing connection. */
  readonly perItem: Pick<SelectionSize, 'cost' | 'bytes'>;
  /** The response names of each large field, by `Type.field`. */
  readonly large: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Measures the selections of one document, which should be valid. */
export interface SelectionMeter {
  measure(selections: SelectionSetNode, parent: GraphQLCompositeType): SelectionSize;
  measureField(node: FieldNode, parent: GraphQLCompositeType): SelectionSize;
}

/** The estimated size of an object, which is read completely, whatever is selected. */
const OBJECT_BYTES = 4_000;
const FREE = { cost: 0, bytes: 0 };
const NONE: ReadonlyMap<string, ReadonlySet<string>> = new Map();
const NOTHING: SelectionSize = { depth: 0, aliases: 0, directives: 0, ...FREE, perItem: FREE, large: NONE };

/** Creates the meter of a document, with the values of its variables. */
export function createSelectionMeter(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): SelectionMeter {
  /**
   * Each fragment is measured once, however often it is spread: nested fragments would otherwise take exponential time.
   */
  const measured = new Map<string, SelectionSize>();

  function measure({ selections }: SelectionSetNode, parent: GraphQLCompositeType): SelectionSize {
    let size = NOTHING;
    for (const selection of selections) {
      let part: SelectionSize;
      if (selection.kind === Kind.FIELD) part = measureField(selection, parent);
      else if (selection.kind === Kind.INLINE_FRAGMENT) {
        part = measure(selection.selectionSet, typeNamed(selection.typeCondition?.name.value) ?? parent);
      } else part = measureFragment(selection.name.value);
      size = add(size, part, selection.directives?.length ?? 0);
    }
    return size;
  }

  function measureFragment(name: string): SelectionSize {
    const cached = measured.get(name);
    if (cached !== undefined) return cached;
    // A preliminary size, used if the fragment spreads itself.
    measured.set(name, NOTHING);
    const fragment = fragmentOf(document, name);
    const type = typeNamed(fragment?.typeCondition.name.value);
    const size = fragment && type ? measure(fragment.selectionSet, type) : NOTHING;
    measured.set(name, size);
    return size;
  }

  function measureField(node: FieldNode, parent: GraphQLCompositeType): SelectionSize {
    const aliases = node.alias === undefined ? 0 : 1;
    const key = (node.alias ?? node.name).value;
    const field = fieldOf(parent, node.name.value);
    // __typename
    if (field === undefined) return { ...NOTHING, depth: 1, aliases, bytes: key.length };
    const type = getNamedType(field.type);
    if (node.selectionSet === undefined || !isCompositeType(type)) {
      const large = isLarge(field) ? new Map([[`${parent.name}.${field.name}`, new Set([key])]]) : NONE;
      return { ...NOTHING, depth: 1, aliases, bytes: key.length + maxBytesOf(field), large };
    }
    const inner = measure(node.selectionSet, type);
    const sums = { aliases: inner.aliases + aliases, directives: inner.directives, perItem: FREE, large: NONE };
    // `countIntrospection` counts introspection. Validation and the schema bound its depth.
    if (field === SchemaMetaFieldDef || field === TypeMetaFieldDef) return { ...sums, depth: 1, ...FREE };
    return { ...sums, depth: inner.depth + 1, ...amountOf(field, node, inner, key.length) };
  }

  function amountOf(field: GraphQLField<unknown, unknown>, node: FieldNode, inner: SelectionSize, keyBytes: number) {
    const { listSize, fixedCost, executes } = field.extensions;
    const args =
      typeof listSize === 'function' || typeof executes === 'function' ? getArgumentValues(field, node, variables) : {};
    const fixed =
      (typeof fixedCost === 'function' ? fixedCost(args) : 0) +
      (typeof executes === 'function' ? costOfDocument(schema, executes(args)) : 0);
    const own = { cost: 1 + inner.cost + countExtraAliases(inner), bytes: OBJECT_BYTES + inner.bytes };
    const size = typeof listSize === 'function' ? Math.max(0, listSize(args)) : undefined;
    if (!isListType(getNullableType(field.type))) {
      // A connection, or a single object.
      const amount = plus(own, inner.perItem, size ?? 1);
      return { cost: amount.cost + fixed, bytes: amount.bytes + keyBytes };
    }
    const item = plus(own, inner.perItem, 1);
    // The list has as many items as the enclosing connection.
    if (size === undefined) return { ...FREE, perItem: { ...item, cost: item.cost + fixed } };
    return { cost: fixed + size * item.cost, bytes: size * item.bytes + keyBytes };
  }

  function typeNamed(name: string | undefined): GraphQLCompositeType | undefined {
    const type = name === undefined ? undefined : schema.getType(name);
    return isCompositeType(type) ? type : undefined;
  }

  return { measure, measureField };
}

/** The fragment with a name; undefined in an invalid document. */
export function fragmentOf(document: DocumentNode, name: string): FragmentDefinitionNode | undefined {
  return document.definitions.find(
    (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name,
  ) as FragmentDefinitionNode | undefined;
}

function fieldOf(type: GraphQLCompositeType, name: string): GraphQLField<unknown, unknown> | undefined {
  if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
  if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
}

function add(size: SelectionSize, part: SelectionSize, directives: number): SelectionSize {
  return {
    depth: Math.max(size.depth, part.depth),
    aliases: size.aliases + part.aliases,
    directives: size.directives + part.directives + directives,
    cost: size.cost + part.cost,
    bytes: size.bytes + part.bytes,
    perItem: part.perItem === FREE ? size.perItem : plus(size.perItem, part.perItem, 1),
    large: size.large.size === 0 ? part.large : merge(size.large, part.large),
  };
}

const plus = (
  one: Pick<SelectionSize, 'cost' | 'bytes'>,
  other: Pick<SelectionSize, 'cost' | 'bytes'>,
  times: number,
) => ({
  cost: one.cost + other.cost * times,
  bytes: one.bytes + other.bytes * times,
});

function merge(one: SelectionSize['large'], other: SelectionSize['large']): SelectionSize['large'] {
  if (other.size === 0) return one;
  const merged = new Map(one);
  for (const [field, names] of other) merged.set(field, new Set([...names, ...(merged.get(field) ?? [])]));
  return merged;
}

/** The number of aliases of large values beyond the first of each. */
function countExtraAliases({ large }: SelectionSize): number {
  let extra = 0;
  for (const names of large.values()) extra += names.size - 1;
  return extra;
}

/** The cost of a document that a field executes; 0 if it cannot be executed, which its resolver reports. */
function costOfDocument(schema: GraphQLSchema, text: unknown): number {
  if (typeof text !== 'string') return 0;
  try {
    const document = parseWithinLimits(text);
    const meter = createSelectionMeter(schema, document, {});
    const operations = document.definitions.filter(
      (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
    );
    return operations.reduce((sum, { operation, selectionSet }) => {
      const root = schema.getRootType(operation);
      return root == null ? sum : sum + meter.measure(selectionSet, root).cost;
    }, 0);
  } catch (error) {
    if (error instanceof RefusalError || error instanceof GraphQLError) return 0;
    throw error;
  }
}
