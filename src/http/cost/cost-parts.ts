import {
  type DocumentNode,
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import type { CostPart } from '../../domain/errors.ts';
import { areItems, declaredCost, fieldOf, findCompositeType, fragmentOf, type SelectionMeter } from './query-cost.ts';

/** A measured document. */
interface MeasuredDocument {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly meter: SelectionMeter;
}

/** A position in the response. */
interface Position {
  /** The response names from the root. */
  readonly path: readonly string[];
  readonly parent: GraphQLCompositeType;
  /** The maximum number of times that the response contains the position. */
  readonly times: number;
  /** By how much `nodes` and `edges` at this position multiply the fields within them. */
  readonly itemCount: number;
}

/** A field with its cost, including everything within it, at all places of the response. */
interface FieldCost extends Position {
  readonly node: FieldNode;
  readonly cost: number;
}

/** How many fields are divided at most: an adversary's document can have very many of equal cost. */
const MAX_DIVISIONS = 100;

/**
 * Divides the cost of a selection among its fields: each part is the cost of the objects at one path, without that of
 * the fields within them. A connection includes its items. Returns at least the `count` most expensive parts.
 */
export function divideCost(
  document: MeasuredDocument,
  selections: SelectionSetNode,
  root: GraphQLCompositeType,
  count: number,
): CostPart[] {
  const costByPath = new Map<string, CostPart>();
  const addPart = ({ path, cost }: CostPart) => {
    const key = path.join();
    if (cost > 0) costByPath.set(key, { path, cost: cost + (costByPath.get(key)?.cost ?? 0) });
  };
  let undivided = listCosts(document, selections, { path: [], parent: root, times: 1, itemCount: 1 });
  for (let divisions = 0; divisions < MAX_DIVISIONS; divisions++) {
    const [field, ...others] = undivided.toSorted((a, b) => b.cost - a.cost);
    const costs = [...costByPath.values()].map(({ cost }) => cost).toSorted((a, b) => b - a);
    // What is left to divide contains no more expensive part.
    if (field === undefined || field.cost <= (costs[count - 1] ?? 0)) break;
    const inner = listInnerCosts(document, field);
    addPart({ path: field.path, cost: inner.reduce((rest, { cost }) => rest - cost, field.cost) });
    undivided = [...inner, ...others];
  }
  for (const field of undivided) addPart(field);
  return [...costByPath.values()];
}

function listInnerCosts(measured: MeasuredDocument, { path, node, parent, times }: FieldCost): FieldCost[] {
  const field = fieldOf(parent, node.name.value);
  const type = field && getNamedType(field.type);
  if (field === undefined || !isCompositeType(type) || node.selectionSet === undefined) return [];
  const { count, itemCount } = declaredCost(field, node, measured.variables);
  return listCosts(measured, node.selectionSet, { path, parent: type, times: times * count, itemCount });
}

function listCosts(measured: MeasuredDocument, selections: SelectionSetNode, position: Position): FieldCost[] {
  return listFields(measured, selections, position.parent).flatMap(({ node, parent, copies }) => {
    const { itemCount } = position;
    const times = position.times * copies;
    const path = [...position.path, (node.alias ?? node.name).value];
    const field = fieldOf(parent, node.name.value);
    const type = field && getNamedType(field.type);
    if (field && isCompositeType(type) && node.selectionSet !== undefined && areItems(field, parent)) {
      return listCosts(measured, node.selectionSet, { path, parent: type, times: times * itemCount, itemCount: 1 });
    }
    return [{ path, node, parent, times, itemCount, cost: times * measured.meter.measureField(node, parent).cost }];
  });
}

/** A field of a selection. `copies` is how often the selection contains it, by the spreads of fragments. */
interface ListedField {
  readonly node: FieldNode;
  readonly parent: GraphQLCompositeType;
  readonly copies: number;
}

/** The fields of a selection, fragments included. Each fragment is read once: nested ones take exponential time. */
function listFields(
  { schema, document }: MeasuredDocument,
  selections: SelectionSetNode,
  root: GraphQLCompositeType,
): readonly ListedField[] {
  const fieldsByFragment = new Map<string, readonly ListedField[]>();
  const listFragment = (name: string): readonly ListedField[] => {
    const known = fieldsByFragment.get(name);
    if (known !== undefined) return known;
    const fragment = fragmentOf(document, name);
    const type = findCompositeType(schema, fragment?.typeCondition.name.value);
    const fields = fragment && type ? list(fragment.selectionSet, type) : [];
    fieldsByFragment.set(name, fields);
    return fields;
  };
  const list = ({ selections: nodes }: SelectionSetNode, parent: GraphQLCompositeType): readonly ListedField[] => {
    const fields = new Map<FieldNode, ListedField>();
    for (const node of nodes) {
      for (const field of listSelection(node, parent)) {
        fields.set(field.node, { ...field, copies: field.copies + (fields.get(field.node)?.copies ?? 0) });
      }
    }
    return [...fields.values()];
  };
  const listSelection = (node: SelectionNode, parent: GraphQLCompositeType): readonly ListedField[] => {
    if (node.kind === Kind.FIELD) return [{ node, parent, copies: 1 }];
    if (node.kind === Kind.FRAGMENT_SPREAD) return listFragment(node.name.value);
    return list(node.selectionSet, findCompositeType(schema, node.typeCondition?.name.value) ?? parent);
  };
  return list(selections, root);
}
