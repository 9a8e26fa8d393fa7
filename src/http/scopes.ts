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

/** A selected field that needs a scope. */
interface Requirement {
  /** The field as `Type.field`. */
  readonly field: string;
  /** The path of the field in the response, from the root. */
  readonly path: readonly string[];
  /** Any one of these scopes is enough. */
  readonly scopes: readonly Scope[];
}

/** An operation of a document, with the variables that its `@skip` and `@include` may use. */
interface DocumentOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

const requirementsByOperation = new WeakMap<OperationDefinitionNode, readonly Requirement[]>();

/**
 * Checks an operation before it runs: a credential needs one of the scopes of every selected field. The fields of a
 * fragment count whether or not an object of its type occurs, so the check does not depend on stored data. A mutation
 * is never forbidden after it has had an effect.
 * @throws ForbiddenError that names the first forbidden field.
 */
export function requireScopes(operation: DocumentOperation, scopes: ReadonlySet<Scope>): void {
  for (const requirement of listRequirements(operation)) {
    if (requirement.scopes.some((scope) => scopes.has(scope))) continue;
    throw new ForbiddenError(requirement.field, requirement.scopes, requirement.path);
  }
}

/** The requirements of an operation; computed once, unless `@skip` or `@include` occurs in it. */
function listRequirements(operation: DocumentOperation): readonly Requirement[] {
  const cached = requirementsByOperation.get(operation.operation);
  if (cached !== undefined) return cached;
  const collector = new RequirementCollector(operation);
  const requirements = collector.collect();
  if (!collector.isConditional) requirementsByOperation.set(operation.operation, requirements);
  return requirements;
}

class RequirementCollector {
  /** Whether a selection has a directive, so that its fields may depend on variables. */
  isConditional = false;
  readonly #target: DocumentOperation;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  /** Each fragment is read once: nested fragments would otherwise take exponential time. */
  readonly #visitedFragments = new Set<string>();
  /** The first field that needs each set of scopes, by that set; one field per set is enough. */
  readonly #requirements = new Map<string, Requirement>();
  #variables: Readonly<Record<string, unknown>> | 'invalid' | undefined;

  constructor(target: DocumentOperation) {
    this.#target = target;
    for (const definition of target.document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  collect(): readonly Requirement[] {
    const { schema, operation } = this.#target;
    const root = schema.getRootType(operation.operation);
    if (root != null) this.#visit(operation.selectionSet, root, []);
    return [...this.#requirements.values()];
  }

  #visit({ selections }: SelectionSetNode, parent: GraphQLCompositeType, path: readonly string[]): void {
    for (const selection of selections) {
      if (this.#isSkipped(selection)) continue;
      if (selection.kind === Kind.FIELD) this.#visitField(selection, parent, path);
      else if (selection.kind === Kind.INLINE_FRAGMENT) {
        this.#visit(selection.selectionSet, this.#typeNamed(selection.typeCondition?.name.value) ?? parent, path);
      } else this.#visitFragment(selection.name.value, path);
    }
  }

  #visitField(node: FieldNode, parent: GraphQLCompositeType, path: readonly string[]): void {
    const name = node.name.value;
    const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
    // Introspection fields, which `useCredentialCheck` guards.
    if (field === undefined) return;
    const fieldPath = [...path, node.alias?.value ?? name];
    const scopes = scopesOf(field);
    const key = scopes.join();
    if (scopes.length > 0 && !this.#requirements.has(key)) {
      this.#requirements.set(key, { field: `${parent.name}.${name}`, path: fieldPath, scopes });
    }
    const type = getNamedType(field.type);
    if (node.selectionSet !== undefined && isCompositeType(type)) this.#visit(node.selectionSet, type, fieldPath);
  }

  #visitFragment(name: string, path: readonly string[]): void {
    const fragment = this.#fragments.get(name);
    const type = this.#typeNamed(fragment?.typeCondition.name.value);
    if (fragment === undefined || type === undefined || this.#visitedFragments.has(name)) return;
    this.#visitedFragments.add(name);
    this.#visit(fragment.selectionSet, type, path);
  }

  #isSkipped(selection: SelectionNode): boolean {
    if (!selection.directives?.length) return false;
    this.isConditional = true;
    this.#variables ??= coerceVariables(this.#target);
    // With invalid variables, every selection counts: the pipeline refuses the operation in any case.
    if (this.#variables === 'invalid') return false;
    return (
      getDirectiveValues(GraphQLSkipDirective, selection, this.#variables)?.if === true ||
      getDirectiveValues(GraphQLIncludeDirective, selection, this.#variables)?.if === false
    );
  }

  #typeNamed(name: string | undefined): GraphQLCompositeType | undefined {
    const type = name === undefined ? undefined : this.#target.schema.getType(name);
    return isCompositeType(type) ? type : undefined;
  }
}

function coerceVariables({
  schema,
  operation,
  variables = {},
}: DocumentOperation): Record<string, unknown> | 'invalid' {
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables, { maxErrors: 1 });
  return coerced ?? 'invalid';
}
