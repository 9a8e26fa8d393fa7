import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  GraphQLIncludeDirective,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getDirectiveValues,
  getNamedType,
  getVariableValues,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { scopesOf } from '../../schema/scopes.ts';
import type { Scope } from '../domain/entities.ts';
import { ForbiddenError } from '../domain/errors.ts';

/** A field of an operation that needs a scope. */
interface Requirement {
  /** The field as `Type.field`. */
  readonly field: string;
  /** The path of the field in the response, from the root. */
  readonly path: readonly string[];
  /** Any one of these scopes is enough. */
  readonly scopes: readonly Scope[];
}

/** An operation of a document, with the variables that its `@skip` and `@include` may use. */
interface Selected {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

const requirementsByOperation = new WeakMap<OperationDefinitionNode, readonly Requirement[]>();

/**
 * Checks an operation before it runs: a credential needs one of the scopes of every selected field. The fields of a
 * fragment count whether or not an object of its type occurs, so the result does not depend on stored data, and a
 * mutation never has an effect and then a forbidden response.
 * @throws ForbiddenError that names the first forbidden field.
 */
export function requireScopes(selected: Selected, scopes: ReadonlySet<Scope>): void {
  for (const requirement of listRequirements(selected)) {
    if (requirement.scopes.some((scope) => scopes.has(scope))) continue;
    throw new ForbiddenError(requirement.field, requirement.scopes, requirement.path);
  }
}

/** The requirements of an operation; computed once, unless `@skip` or `@include` occurs in it. */
function listRequirements(selected: Selected): readonly Requirement[] {
  const cached = requirementsByOperation.get(selected.operation);
  if (cached !== undefined) return cached;
  const collector = new Collector(selected);
  const requirements = collector.collect();
  if (!collector.isConditional) requirementsByOperation.set(selected.operation, requirements);
  return requirements;
}

class Collector {
  /** Whether a selection has a directive, so that its fields may depend on variables. */
  isConditional = false;
  readonly #selected: Selected;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  /** Each fragment is read once: nested fragments would otherwise take exponential time. */
  readonly #visitedFragments = new Set<string>();
  /** The first field that needs each set of scopes, by that set; one field per set is enough. */
  readonly #requirements = new Map<string, Requirement>();
  #variables: Readonly<Record<string, unknown>> | 'bad' | undefined;

  constructor(selected: Selected) {
    this.#selected = selected;
    for (const definition of selected.document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  collect(): readonly Requirement[] {
    const { schema, operation } = this.#selected;
    const root = schema.getRootType(operation.operation);
    if (root != null) this.#visit(operation.selectionSet, root, []);
    return [...this.#requirements.values()];
  }

  #visit({ selections }: SelectionSetNode, parent: GraphQLCompositeType, path: readonly string[]): void {
    for (const selection of selections) {
      if (this.#isLeftOut(selection)) continue;
      if (selection.kind === Kind.FIELD) this.#visitField(selection, parent, path);
      else if (selection.kind === Kind.INLINE_FRAGMENT) {
        this.#visit(selection.selectionSet, this.#typeNamed(selection.typeCondition?.name.value) ?? parent, path);
      } else this.#visitFragment(selection.name.value, path);
    }
  }

  #visitField(node: FieldNode, parent: GraphQLCompositeType, path: readonly string[]): void {
    const name = node.name.value;
    const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
    // Introspection fields, which `useAccess` guards.
    if (field === undefined) return;
    const inner = [...path, node.alias?.value ?? name];
    const scopes = scopesOf(field);
    const key = scopes.join();
    if (scopes.length > 0 && !this.#requirements.has(key)) {
      this.#requirements.set(key, { field: `${parent.name}.${name}`, path: inner, scopes });
    }
    const type = getNamedType(field.type);
    if (node.selectionSet !== undefined && isCompositeType(type)) this.#visit(node.selectionSet, type, inner);
  }

  #visitFragment(name: string, path: readonly string[]): void {
    const fragment = this.#fragments.get(name);
    const type = this.#typeNamed(fragment?.typeCondition.name.value);
    if (fragment === undefined || type === undefined || this.#visitedFragments.has(name)) return;
    this.#visitedFragments.add(name);
    this.#visit(fragment.selectionSet, type, path);
  }

  #isLeftOut(selection: SelectionNode): boolean {
    if (!selection.directives?.length) return false;
    this.isConditional = true;
    this.#variables ??= coerceVariables(this.#selected);
    // The engine refuses invalid variables; here they leave nothing out.
    if (this.#variables === 'bad') return false;
    return (
      getDirectiveValues(GraphQLSkipDirective, selection, this.#variables)?.if === true ||
      getDirectiveValues(GraphQLIncludeDirective, selection, this.#variables)?.if === false
    );
  }

  #typeNamed(name: string | undefined): GraphQLCompositeType | undefined {
    const type = name === undefined ? undefined : this.#selected.schema.getType(name);
    return isCompositeType(type) ? type : undefined;
  }
}

function coerceVariables({ schema, operation, variables = {} }: Selected): Record<string, unknown> | 'bad' {
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables, { maxErrors: 1 });
  return coerced ?? 'bad';
}
