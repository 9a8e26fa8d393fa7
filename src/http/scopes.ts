import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  isAbstractType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  visit,
} from 'graphql';
import { argumentScopesOf, scopesOf } from '../../schema/scopes.ts';
import { SCOPES, type Scope } from '../domain/entities.ts';
import { ForbiddenError } from '../domain/errors.ts';
import { parseWebhookDocument } from './parse-document.ts';

type Variables = Readonly<Record<string, unknown>>;

/** Scopes of which a credential needs one. */
type Alternatives = readonly Scope[];

/** A selected field that needs scopes. */
interface ScopedSelection {
  /** The field as `Type.field`. */
  readonly field: string;
  /** The path of the field in the response, from the root. */
  readonly path: readonly string[];
  /** The scopes that the field needs with these variables: one of each list. */
  readonly listNeeds: (variables: Variables) => readonly Alternatives[];
}

/** An operation of a valid document. */
interface CheckedOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** The coerced values of its variables. */
  readonly variables?: Variables;
}

/**
 * Checks an operation before it runs: the credential needs one of the scopes of every selected field, and the scopes
 * that the values of the arguments need. Fields that `@skip` or `@include` leaves out do not count. The fields of a
 * fragment count if any object can match it, whether or not one does, so the check does not depend on stored data. No
 * mutation is forbidden after it has had an effect.
 * @throws ForbiddenError for the first forbidden field, with the scopes that the whole operation needs.
 */
export function requireScopes(target: CheckedOperation, scopes: ReadonlySet<Scope>): void {
  const forbidden = findForbidden(target, scopes);
  if (forbidden === undefined) return;
  const needs = findSelections(target).flatMap(({ listNeeds }) => listNeeds(target.variables ?? {}));
  throw new ForbiddenError(forbidden.field, smallestSufficient(needs, scopes), forbidden.path);
}

/** Whether `requireScopes` accepts an operation. */
export function hasScopes(target: CheckedOperation, scopes: ReadonlySet<Scope>): boolean {
  return findForbidden(target, scopes) === undefined;
}

function findForbidden(target: CheckedOperation, scopes: ReadonlySet<Scope>): ScopedSelection | undefined {
  if (scopes.size === SCOPES.length) return undefined;
  return findSelections(target).find(
    ({ listNeeds }) => !listNeeds(target.variables ?? {}).every((alternatives) => includesAny(scopes, alternatives)),
  );
}

/** All sets of scopes, the smallest first. Each is in the order of `SCOPES`. */
const SCOPE_SETS: readonly Alternatives[] = Array.from({ length: 2 ** SCOPES.length }, (_, bits) =>
  SCOPES.filter((_scope, index) => bits & (1 << index)),
).toSorted((a, b) => a.length - b.length);

/** The smallest set of scopes that meets all needs; of several, the one that has most in common with `held`. */
function smallestSufficient(needs: readonly Alternatives[], held: ReadonlySet<Scope>): Alternatives {
  const sufficient = SCOPE_SETS.filter((set) => needs.every((alternatives) => includesAny(new Set(set), alternatives)));
  const smallest = sufficient.filter(({ length }) => length === sufficient[0]?.length);
  const countHeld = (set: Alternatives) => set.filter((scope) => held.has(scope)).length;
  return smallest.toSorted((a, b) => countHeld(b) - countHeld(a))[0] ?? SCOPES;
}

const includesAny = (scopes: ReadonlySet<Scope>, alternatives: Alternatives): boolean =>
  alternatives.some((scope) => scopes.has(scope));

/** The scoped selections of an operation, for each combination of the variables that leave out selections. */
interface CachedSelections {
  /** The names of these variables. */
  readonly conditions: readonly string[];
  readonly byValues: Map<string, readonly ScopedSelection[]>;
}

const MAX_CACHED_COMBINATIONS = 16;
const cache = new WeakMap<OperationDefinitionNode, CachedSelections>();

function findSelections(target: CheckedOperation): readonly ScopedSelection[] {
  const { document, operation, variables = {} } = target;
  const cached = cache.get(operation) ?? { conditions: listConditions(document), byValues: new Map() };
  cache.set(operation, cached);
  const values = cached.conditions.map((name) => variables[name]).join();
  const known = cached.byValues.get(values);
  if (known !== undefined) return known;
  const selections = new SelectionCollector(target).collect();
  if (cached.byValues.size < MAX_CACHED_COMBINATIONS) cached.byValues.set(values, selections);
  return selections;
}

/** The names of the variables in the directives of a document. */
function listConditions(document: DocumentNode): string[] {
  const names = new Set<string>();
  visit(document, {
    Directive: (directive) => {
      visit(directive, { Variable: ({ name }) => void names.add(name.value) });
    },
  });
  return [...names];
}

class SelectionCollector {
  readonly #target: CheckedOperation;
  readonly #variables: Variables;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  /**
   * The types of objects for which each fragment has been read. Reading a fragment again for the same type would add
   * nothing, and nested fragments would take exponential time.
   */
  readonly #visited = new Map<string, Set<GraphQLObjectType>>();
  /** The first field that needs each set of scopes, by that set; and each field whose arguments need scopes. */
  readonly #selections = new Map<string, ScopedSelection>();

  constructor(target: CheckedOperation) {
    this.#target = target;
    this.#variables = target.variables ?? {};
    for (const definition of target.document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  collect(): readonly ScopedSelection[] {
    const { schema, operation } = this.#target;
    const root = schema.getRootType(operation.operation);
    if (root != null) this.#visit(operation.selectionSet, [root], []);
    return [...this.#selections.values()];
  }

  /** @param types the types of the objects to which the selections can apply. */
  #visit({ selections }: SelectionSetNode, types: readonly GraphQLObjectType[], path: readonly string[]): void {
    if (types.length === 0) return;
    for (const selection of selections) {
      if (this.#isSkipped(selection)) continue;
      if (selection.kind === Kind.FIELD) this.#visitField(selection, types, path);
      else if (selection.kind === Kind.INLINE_FRAGMENT) {
        this.#visit(selection.selectionSet, this.#matching(types, selection.typeCondition?.name.value), path);
      } else this.#visitFragment(selection.name.value, types, path);
    }
  }

  #visitField(node: FieldNode, types: readonly GraphQLObjectType[], path: readonly string[]): void {
    const fieldPath = [...path, (node.alias ?? node.name).value];
    const innerTypes = new Set<GraphQLObjectType>();
    for (const type of types) {
      // Introspection has no fields here: `useCredentialCheck` guards it, and it needs no scope.
      const field = type.getFields()[node.name.value];
      if (field === undefined) continue;
      this.#addField(`${type.name}.${field.name}`, field, node, fieldPath);
      for (const inner of this.#objectTypesOf(getNamedType(field.type))) innerTypes.add(inner);
    }
    if (node.selectionSet !== undefined) this.#visit(node.selectionSet, [...innerTypes], fieldPath);
  }

  #addField(name: string, field: GraphQLField<unknown, unknown>, node: FieldNode, path: readonly string[]): void {
    const scopes = scopesOf(field);
    const key = scopes.join();
    if (scopes.length > 0 && !this.#selections.has(key)) {
      this.#selections.set(key, { field: name, path, listNeeds: () => [scopes] });
    }
    const listNeeds = createArgumentNeeds(field, node);
    if (listNeeds) this.#selections.set(`${name} ${path.join('.')}`, { field: name, path, listNeeds });
  }

  #visitFragment(name: string, types: readonly GraphQLObjectType[], path: readonly string[]): void {
    const fragment = this.#fragments.get(name);
    if (fragment === undefined) return;
    const visited = this.#visited.get(name) ?? new Set();
    this.#visited.set(name, visited);
    const added = this.#matching(types, fragment.typeCondition.name.value).filter((type) => !visited.has(type));
    for (const type of added) visited.add(type);
    this.#visit(fragment.selectionSet, added, path);
  }

  #isSkipped({ directives = [] }: SelectionNode): boolean {
    return directives.some(({ name, arguments: [condition] = [] }) => {
      const value = condition?.value;
      const isMet =
        value?.kind === Kind.VARIABLE ? this.#variables[value.name.value] : value?.kind === Kind.BOOLEAN && value.value;
      return (name.value === 'skip' && isMet === true) || (name.value === 'include' && isMet === false);
    });
  }

  #matching(types: readonly GraphQLObjectType[], condition: string | undefined): readonly GraphQLObjectType[] {
    if (condition === undefined) return types;
    const matching = this.#objectTypesOf(this.#target.schema.getType(condition));
    return types.filter((type) => matching.includes(type));
  }

  #objectTypesOf(type: GraphQLNamedType | undefined): readonly GraphQLObjectType[] {
    if (isAbstractType(type)) return this.#target.schema.getPossibleTypes(type);
    return isObjectType(type) ? [type] : [];
  }
}

/** The function that lists the scopes that the arguments of a selected field need; undefined if none ever does. */
function createArgumentNeeds(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): ScopedSelection['listNeeds'] | undefined {
  const listOwn = argumentScopesOf(field);
  const { executedDocument, storedDocument } = field.extensions;
  const getDocument = executedDocument ?? storedDocument;
  if (listOwn === undefined && typeof getDocument !== 'function') return undefined;
  return (variables) => {
    const args = getArgumentValues(field, node, variables);
    const own = listOwn?.(args) ?? [];
    const operations = typeof getDocument === 'function' ? parseWebhookDocument(getDocument(args)) : [];
    const needs = operations.flatMap((target) => findSelections(target).flatMap(({ listNeeds }) => listNeeds({})));
    return own.length > 0 ? [own, ...needs] : needs;
  };
}
