import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
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
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql';
import { isLarge, maxBytesOf } from './field-sizes.ts';
import { parseWebhookDocument } from './parse-document.ts';

/** The measured size of a selection. */
export interface SelectionSize {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly cost: number;
  /** The maximum bytes of its response. */
  readonly bytes: number;
  /** The size of selections within `nodes` or `edges`; the connection around them multiplies it by its items. */
  readonly perItem: Pick<SelectionSize, 'cost' | 'bytes'>;
  /** The response names under which each large text (see `isLarge`) is selected, by `Type.field`. */
  readonly large: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Measures the selections of one document. The sizes are meaningful only if the document is valid. */
export interface SelectionMeter {
  measure(selections: SelectionSetNode, parent: GraphQLCompositeType): SelectionSize;
  measureField(node: FieldNode, parent: GraphQLCompositeType): SelectionSize;
}

/** The estimated bytes of an object. The gateway reads all of the object, whichever fields are selected. */
const OBJECT_BYTES = 4_000;
const NO_COST = { cost: 0, bytes: 0 };
const NO_LARGE_FIELDS: ReadonlyMap<string, ReadonlySet<string>> = new Map();
const EMPTY_SIZE: SelectionSize = {
  depth: 0,
  aliases: 0,
  directives: 0,
  ...NO_COST,
  perItem: NO_COST,
  large: NO_LARGE_FIELDS,
};

/** Creates the meter of a document, with the values of its variables. */
export function createSelectionMeter(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): SelectionMeter {
  /**
   * Each fragment is measured once, however often it is spread: nested fragments would otherwise take exponential time.
   */
  const sizesByFragment = new Map<string, SelectionSize>();

  function measure({ selections }: SelectionSetNode, parent: GraphQLCompositeType): SelectionSize {
    let size = EMPTY_SIZE;
    for (const selection of selections) {
      let part: SelectionSize;
      if (selection.kind === Kind.FIELD) part = measureField(selection, parent);
      else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const type = findCompositeType(schema, selection.typeCondition?.name.value) ?? parent;
        part = measure(selection.selectionSet, type);
      } else part = measureFragment(selection.name.value);
      size = add(size, part, selection.directives?.length ?? 0);
    }
    return size;
  }

  function measureFragment(name: string): SelectionSize {
    const cached = sizesByFragment.get(name);
    if (cached !== undefined) return cached;
    // A preliminary size, used if the fragment spreads itself.
    sizesByFragment.set(name, EMPTY_SIZE);
    const fragment = fragmentOf(document, name);
    const type = findCompositeType(schema, fragment?.typeCondition.name.value);
    const size = fragment && type ? measure(fragment.selectionSet, type) : EMPTY_SIZE;
    sizesByFragment.set(name, size);
    return size;
  }

  function measureField(node: FieldNode, parent: GraphQLCompositeType): SelectionSize {
    const aliases = node.alias === undefined ? 0 : 1;
    const key = (node.alias ?? node.name).value;
    const field = fieldOf(parent, node.name.value);
    // Only `__typename` is not a field of its type.
    if (field === undefined) return { ...EMPTY_SIZE, depth: 1, aliases, bytes: key.length };
    const type = getNamedType(field.type);
    if (node.selectionSet === undefined || !isCompositeType(type)) {
      const large = isLarge(field) ? new Map([[`${parent.name}.${field.name}`, new Set([key])]]) : NO_LARGE_FIELDS;
      const { fixed } = declaredCost(field, node, variables);
      return { ...EMPTY_SIZE, depth: 1, aliases, cost: fixed, bytes: key.length + maxBytesOf(field), large };
    }
    const inner = measure(node.selectionSet, type);
    const { directives } = inner;
    const sums = { aliases: inner.aliases + aliases, directives, perItem: NO_COST, large: NO_LARGE_FIELDS };
    // The cost of introspection is computed in `introspection-cost.ts`. Its depth counts as 1, because validation and
    // the schema limit it.
    if (field === SchemaMetaFieldDef || field === TypeMetaFieldDef) return { ...sums, depth: 1, ...NO_COST };
    return { ...sums, depth: inner.depth + 1, ...sizeOfChildObjects(field, node, inner, key.length) };
  }

  function sizeOfChildObjects(
    field: GraphQLField<unknown, unknown>,
    node: FieldNode,
    inner: SelectionSize,
    keyBytes: number,
  ) {
    const { listSize, fixed } = declaredCost(field, node, variables);
    const own = { cost: 1 + inner.cost + countExtraAliases(inner), bytes: OBJECT_BYTES + inner.bytes };
    if (!isListType(getNullableType(field.type))) {
      // A connection, or a single object.
      const amount = addTimes(own, inner.perItem, listSize ?? 1);
      return { cost: amount.cost + fixed, bytes: amount.bytes + keyBytes };
    }
    const item = addTimes(own, inner.perItem, 1);
    // A list without a size of its own (`nodes`, `edges`) has as many items as the enclosing connection.
    if (listSize === undefined) return { ...NO_COST, perItem: { ...item, cost: item.cost + fixed } };
    return { cost: fixed + listSize * item.cost, bytes: listSize * item.bytes + keyBytes };
  }

  return { measure, measureField };
}

/** The list size and the fixed cost that the schema declares for a field with these arguments. */
function declaredCost(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  variables: Readonly<Record<string, unknown>>,
) {
  const { listSize, fixedCost, executedDocument } = field.extensions;
  const readsArgs = typeof listSize === 'function' || typeof executedDocument === 'function';
  const args = readsArgs ? getArgumentValues(field, node, variables) : {};
  const fixed =
    (typeof fixedCost === 'function' ? fixedCost(args) : 0) +
    (typeof executedDocument === 'function' ? costOfWebhookDocument(executedDocument(args)) : 0);
  return { listSize: typeof listSize === 'function' ? Math.max(0, listSize(args)) : undefined, fixed };
}

function findCompositeType(schema: GraphQLSchema, name: string | undefined): GraphQLCompositeType | undefined {
  const type = name === undefined ? undefined : schema.getType(name);
  return isCompositeType(type) ? type : undefined;
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
    perItem: part.perItem === NO_COST ? size.perItem : addTimes(size.perItem, part.perItem, 1),
    large: size.large.size === 0 ? part.large : mergeNames(size.large, part.large),
  };
}

const addTimes = (
  base: Pick<SelectionSize, 'cost' | 'bytes'>,
  addend: Pick<SelectionSize, 'cost' | 'bytes'>,
  times: number,
) => ({
  cost: base.cost + addend.cost * times,
  bytes: base.bytes + addend.bytes * times,
});

function mergeNames(a: SelectionSize['large'], b: SelectionSize['large']): SelectionSize['large'] {
  if (b.size === 0) return a;
  const merged = new Map(a);
  for (const [field, names] of b) merged.set(field, new Set([...names, ...(merged.get(field) ?? [])]));
  return merged;
}

/** The number of aliases of large values beyond the first of each. */
function countExtraAliases({ large }: SelectionSize): number {
  let extra = 0;
  for (const names of large.values()) extra += names.size - 1;
  return extra;
}

/** The cost of a webhook document; 0 for an invalid one. */
function costOfWebhookDocument(text: unknown): number {
  return parseWebhookDocument(text).reduce((sum, { schema, document, operation }) => {
    const root = schema.getSubscriptionType();
    return root == null
      ? sum
      : sum + createSelectionMeter(schema, document, {}).measure(operation.selectionSet, root).cost;
  }, 0);
}
