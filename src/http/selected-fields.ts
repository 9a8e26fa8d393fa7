import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

/** The coerced values of the variables of an operation. */
export type Variables = Readonly<Record<string, unknown>>;

/** An operation of a valid document. */
export interface CheckedOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables?: Variables;
}

/** A field that an operation selects, other than those of introspection. */
export interface SelectedField {
  readonly node: FieldNode;
  /** The path of the field in the response, from the root. */
  readonly path: readonly string[];
  /** The type from which the field is selected; it may be an interface. */
  readonly parent: GraphQLNamedType | undefined;
  /** The field in each type of objects that the selection can apply to. */
  readonly definitions: readonly (readonly [GraphQLObjectType, GraphQLField<unknown, unknown>])[];
}

/**
 * Visits the fields that an operation selects with its variables, in the order of the document. Fields that `@skip` or
 * `@include` leaves out are not visited. Those of a fragment are visited if any object can match it.
 */
export function visitSelectedFields(target: CheckedOperation, onField: (field: SelectedField) => void): void {
  const { schema, operation } = target;
  const root = schema.getRootType(operation.operation);
  if (root != null)
    new SelectionVisitor(target, onField).visit(operation.selectionSet, { parent: root, types: [root] });
}

/** The place of a selection set. */
interface Position {
  readonly parent: GraphQLNamedType | undefined;
  /** The types of the objects to which the selections can apply. */
  readonly types: readonly GraphQLObjectType[];
  /** Absent at the root. */
  readonly path?: readonly string[];
}

class SelectionVisitor {
  readonly #schema: GraphQLSchema;
  readonly #variables: Variables;
  readonly #onField: (field: SelectedField) => void;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  /**
   * The types of objects for which each fragment has been read. Reading a fragment again for the same type would add
   * nothing, and nested fragments would take exponential time.
   */
  readonly #visited = new Map<string, Set<GraphQLObjectType>>();

  constructor({ schema, document, variables = {} }: CheckedOperation, onField: (field: SelectedField) => void) {
    this.#schema = schema;
    this.#variables = variables;
    this.#onField = onField;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  visit({ selections }: SelectionSetNode, position: Position): void {
    if (position.types.length === 0) return;
    for (const selection of selections) {
      if (this.#isSkipped(selection)) continue;
      if (selection.kind === Kind.FIELD) this.#visitField(selection, position);
      else if (selection.kind === Kind.INLINE_FRAGMENT) {
        this.visit(selection.selectionSet, this.#narrow(position, selection.typeCondition?.name.value));
      } else this.#visitFragment(selection.name.value, position);
    }
  }

  #visitField(node: FieldNode, { parent, types: parentTypes, path: parentPath = [] }: Position): void {
    const path = [...parentPath, (node.alias ?? node.name).value];
    const definitions = parentTypes.flatMap((type) => {
      // Introspection has no fields here: `useCredentialCheck` guards it.
      const field = type.getFields()[node.name.value];
      return field === undefined ? [] : [[type, field] as const];
    });
    if (definitions.length === 0) return;
    this.#onField({ node, path, parent, definitions });
    if (node.selectionSet === undefined) return;
    const types = new Set(definitions.flatMap(([, { type }]) => this.#objectTypesOf(getNamedType(type))));
    this.visit(node.selectionSet, { parent: fieldTypeOf(parent, node.name.value), types: [...types], path });
  }

  #visitFragment(name: string, position: Position): void {
    const fragment = this.#fragments.get(name);
    if (fragment === undefined) return;
    const visited = this.#visited.get(name) ?? new Set();
    this.#visited.set(name, visited);
    const narrowed = this.#narrow(position, fragment.typeCondition.name.value);
    const added = narrowed.types.filter((type) => !visited.has(type));
    for (const type of added) visited.add(type);
    this.visit(fragment.selectionSet, { ...narrowed, types: added });
  }

  #isSkipped({ directives = [] }: SelectionNode): boolean {
    return directives.some(({ name, arguments: [condition] = [] }) => {
      const value = condition?.value;
      const isMet =
        value?.kind === Kind.VARIABLE ? this.#variables[value.name.value] : value?.kind === Kind.BOOLEAN && value.value;
      return (name.value === 'skip' && isMet === true) || (name.value === 'include' && isMet === false);
    });
  }

  #narrow(position: Position, condition: string | undefined): Position {
    if (condition === undefined) return position;
    const parent = this.#schema.getType(condition);
    const matching = this.#objectTypesOf(parent);
    return { ...position, parent, types: position.types.filter((type) => matching.includes(type)) };
  }

  #objectTypesOf(type: GraphQLNamedType | undefined): readonly GraphQLObjectType[] {
    if (isAbstractType(type)) return this.#schema.getPossibleTypes(type);
    return isObjectType(type) ? [type] : [];
  }
}

function fieldTypeOf(parent: GraphQLNamedType | undefined, name: string): GraphQLNamedType | undefined {
  const fields = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields() : {};
  return fields[name] && getNamedType(fields[name].type);
}
