import {
  BREAK,
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
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  visit,
} from 'graphql';
import { parseWebhookDocument } from '../parse-document.ts';
import { isLarge, maxBytesOf } from './field-sizes.ts';

/** The measured size of a selection. */
export interface SelectionSize {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly cost: number;
  /** The maximum bytes of its response. */
  readonly bytes: number;
  /** The selections within `nodes` and `edges`: the connection around them multiplies them by its items. */
  readonly items: ItemSize | undefined;
  /** The response names under which each large text (see `isLarge`) is selected, by `Type.field`. */
  readonly large: Names;
}

/** Response names, by field. */
type Names = ReadonlyMap<string, ReadonlySet<string>>;

/** The size of one item of a connection. */
interface ItemSize {
  /** The cost of the objects within the item; that of the item itself depends on its copies. */
  readonly cost: number;
  readonly bytes: number;
  /** The names under which the response contains the item, by field: one of `nodes` and one of `edges` is one copy. */
  readonly copies: Names;
  /** As for a selection; a name begins with that of the copy. */
  readonly large: Names;
}

/** Measures the selections of one document. The sizes are meaningful only if the document is valid. */
export interface SelectionMeter {
  measure(selections: SelectionSetNode, parent: GraphQLCompositeType): SelectionSize;
  measureField(node: FieldNode, parent: GraphQLCompositeType): SelectionSize;
  /** Whether a size that was measured depends on the values of variables. */
  readonly dependsOnVariables: boolean;
}

/** The estimated bytes of an object. The gateway reads all of the object, whichever fields are selected. */
const OBJECT_BYTES = 4_000;
const NO_COST = { cost: 0, bytes: 0 };
const NO_NAMES: Names = new Map();
const EMPTY_SIZE: SelectionSize = {
  depth: 0,
  aliases: 0,
  directives: 0,
  ...NO_COST,
  items: undefined,
  large: NO_NAMES,
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
  let dependsOnVariables = false;

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
      const large = isLarge(field) ? new Map([[`${parent.name}.${field.name}`, new Set([key])]]) : NO_NAMES;
      const { fixed } = readDeclaredCost(field, node);
      return { ...EMPTY_SIZE, depth: 1, aliases, cost: fixed, bytes: key.length + maxBytesOf(field), large };
    }
    const inner = measure(node.selectionSet, type);
    const sums = { aliases: inner.aliases + aliases, directives: inner.directives, items: undefined, large: NO_NAMES };
    // The cost of introspection is computed in `introspection-cost.ts`. Its depth counts as 1, because validation and
    // the schema limit it.
    if (field === SchemaMetaFieldDef || field === TypeMetaFieldDef) return { ...sums, depth: 1, ...NO_COST };
    const depth = inner.depth + 1;
    if (areItems(field, parent)) return { ...sums, depth, ...NO_COST, items: measureItems(field, key, inner) };
    if (type.name === 'PageInfo') return { ...sums, depth, cost: 0, bytes: key.length + inner.bytes };
    const { count, itemCount, fixed } = readDeclaredCost(field, node);
    const item = inner.items === undefined ? NO_COST : sizeOfItem(inner.items);
    const cost = 1 + inner.cost + countFurther(inner.large, 1) + itemCount * item.cost;
    const bytes = OBJECT_BYTES + inner.bytes + itemCount * item.bytes;
    return { ...sums, depth, cost: fixed + count * cost, bytes: key.length + count * bytes };
  }

  function readDeclaredCost(field: GraphQLField<unknown, unknown>, node: FieldNode) {
    const { listSize, fixedCost, executedDocument } = field.extensions;
    dependsOnVariables ||= [listSize, fixedCost, executedDocument].some(isFunction) && hasVariables(node);
    return declaredCost(field, node, variables);
  }

  return {
    measure,
    measureField,
    get dependsOnVariables() {
      return dependsOnVariables;
    },
  };
}

/**
 * Whether a field contains the items of the object around it, and is none itself: `nodes` and `edges` of a connection,
 * and `node` of an edge.
 */
export function areItems(field: GraphQLField<unknown, unknown>, parent: GraphQLCompositeType): boolean {
  if (isListType(getNullableType(field.type))) return !isFunction(field.extensions.listSize);
  return field.name === 'node' && parent.name.endsWith('Edge');
}

/** The size of an item by the selections of `nodes` or of `edges`, with the response name `key`. */
function measureItems({ name }: GraphQLField<unknown, unknown>, key: string, inner: SelectionSize): ItemSize {
  const { cost, bytes, copies, large } = inner.items ?? { ...NO_COST, copies: NO_NAMES, large: NO_NAMES };
  const names = [...copies.values()].flatMap((innerNames) => [...innerNames]);
  return {
    cost: inner.cost + cost,
    bytes: OBJECT_BYTES + inner.bytes + bytes,
    copies: prefixNames(new Map([[name, new Set(names.length > 0 ? names : [''])]]), key),
    large: prefixNames(mergeNames(inner.large, large), key),
  };
}

/** The size of one item, with all its copies. */
function sizeOfItem({ cost, bytes, copies, large }: ItemSize): Pick<SelectionSize, 'cost' | 'bytes'> {
  const copyCount = Math.max(...[...copies.values()].map(({ size }) => size));
  return { cost: copyCount + cost + countFurther(large, copyCount), bytes };
}

/** What the schema declares for a field with these arguments: its number of objects, their items, and a fixed cost. */
export function declaredCost(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  variables: Readonly<Record<string, unknown>>,
) {
  const { listSize, fixedCost, executedDocument } = field.extensions;
  const args = [listSize, fixedCost, executedDocument].some(isFunction)
    ? getArgumentValues(field, node, variables)
    : {};
  const size = typeof listSize === 'function' ? Math.max(0, listSize(args)) : 1;
  const isList = isListType(getNullableType(field.type));
  const fixed =
    (typeof fixedCost === 'function' ? fixedCost(args) : 0) +
    (typeof executedDocument === 'function' ? costOfWebhookDocument(executedDocument(args)) : 0);
  return { count: isList ? size : 1, itemCount: isList ? 1 : size, fixed };
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

function hasVariables({ arguments: args = [] }: FieldNode): boolean {
  let isFound = false;
  for (const { value } of args) {
    visit(value, {
      Variable: () => {
        isFound = true;
        return BREAK;
      },
    });
  }
  return isFound;
}

/** The object, interface or union type with a name; undefined if there is none. */
export function findCompositeType(schema: GraphQLSchema, name: string | undefined): GraphQLCompositeType | undefined {
  const type = name === undefined ? undefined : schema.getType(name);
  return isCompositeType(type) ? type : undefined;
}

/** The fragment with a name; undefined in an invalid document. */
export function fragmentOf(document: DocumentNode, name: string): FragmentDefinitionNode | undefined {
  return document.definitions.find(
    (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name,
  ) as FragmentDefinitionNode | undefined;
}

/** The field with a name of a type, `__schema` and `__type` included; undefined if the type has none. */
export function fieldOf(type: GraphQLCompositeType, name: string): GraphQLField<unknown, unknown> | undefined {
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
    items: addItems(size.items, part.items),
    large: mergeNames(size.large, part.large),
  };
}

function addItems(a: ItemSize | undefined, b: ItemSize | undefined): ItemSize | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    cost: a.cost + b.cost,
    bytes: a.bytes + b.bytes,
    copies: mergeNames(a.copies, b.copies),
    large: mergeNames(a.large, b.large),
  };
}

function mergeNames(a: Names, b: Names): Names {
  if (a.size === 0 || b.size === 0) return a.size === 0 ? b : a;
  const merged = new Map(a);
  for (const [field, names] of b) merged.set(field, new Set([...names, ...(merged.get(field) ?? [])]));
  return merged;
}

/** Names within a field with the response name `key`. */
function prefixNames(names: Names, key: string): Names {
  return new Map([...names].map(([field, inner]) => [field, new Set([...inner].map((name) => `${key}.${name}`))]));
}

/** The number of selections of large values beyond the first of each in every copy of the object. */
function countFurther(large: Names, copyCount: number): number {
  let further = 0;
  for (const names of large.values()) further += Math.max(0, names.size - copyCount);
  return further;
}

/** The cost of a webhook document; 0 for an invalid one, because the resolver will refuse it. */
function costOfWebhookDocument(text: unknown): number {
  try {
    return parseWebhookDocument(text).reduce((sum, { schema, document, operation }) => {
      const root = schema.getSubscriptionType();
      const meter = createSelectionMeter(schema, document, {});
      return root == null ? sum : sum + meter.measure(operation.selectionSet, root).cost;
    }, 0);
  } catch (error) {
    if (error instanceof GraphQLError) return 0;
    throw error;
  }
}
