import {
  type DocumentNode,
  type ExecutionArgs,
  type FieldNode,
  type GraphQLField,
  getArgumentValues,
  getOperationAST,
  getVariableValues,
  type OperationDefinitionNode,
  visit,
} from 'graphql';
import { allowsRestricted, argumentScopesOf, scopesOf } from '../../schema/scopes.ts';
import { RestrictedCredentialError } from '../access/restriction.ts';
import type { Viewer } from '../access/viewer.ts';
import type { GraphExecutor } from '../dialects/rest/graph-client.ts';
import { SCOPES, type Scope } from '../domain/entities.ts';
import { ForbiddenError } from '../domain/errors.ts';
import type { Executor } from './executor.ts';
import { parseWebhookDocument } from './parse-document.ts';
import { type CheckedOperation, type Variables, visitSelectedFields } from './selected-fields.ts';

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

/**
 * Checks the scopes of an operation and, for a viewer that is restricted to chatbots, that it selects nothing that
 * concerns the account as a whole.
 * @throws ForbiddenError
 */
export function requireAccess(target: CheckedOperation, { scopes, chatbotIds }: Viewer): void {
  requireScopes(target, scopes);
  if (chatbotIds === undefined) return;
  visitSelectedFields(target, ({ path, definitions }) => {
    for (const [type, definition] of definitions) {
      if (!allowsRestricted(type, definition))
        throw new RestrictedCredentialError(`${type.name}.${definition.name}`, path);
    }
  });
}

/** Whether `requireScopes` accepts an operation. */
export function hasScopes(target: CheckedOperation, scopes: ReadonlySet<Scope>): boolean {
  return findForbidden(target, scopes) === undefined;
}

function findForbidden(target: CheckedOperation, scopes: ReadonlySet<Scope>): ScopedSelection | undefined {
  if (SCOPES.every((scope) => scopes.has(scope))) return undefined;
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
  const selections = collectScopedSelections(target);
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

/** The first field that needs each set of scopes, and each field whose arguments need scopes. */
function collectScopedSelections(target: CheckedOperation): readonly ScopedSelection[] {
  const selections = new Map<string, ScopedSelection>();
  visitSelectedFields(target, ({ node, path, definitions }) => {
    for (const [type, definition] of definitions) {
      const field = `${type.name}.${definition.name}`;
      const scopes = scopesOf(definition);
      const key = scopes.join();
      if (scopes.length > 0 && !selections.has(key)) selections.set(key, { field, path, listNeeds: () => [scopes] });
      const listNeeds = createArgumentNeeds(definition, node);
      if (listNeeds) selections.set(`${field} ${path.join('.')}`, { field, path, listNeeds });
    }
  });
  return [...selections.values()];
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

/** Adds to an executor the check of scopes, because the documents of REST bypass the pipeline. */
export function withScopeChecks({ execute, subscribe }: Executor, viewer: Viewer): GraphExecutor {
  const check = ({ schema, document, variableValues }: ExecutionArgs) => {
    const operation = getOperationAST(document);
    if (operation == null) return;
    const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {});
    if (coerced) requireAccess({ schema, document, operation, variables: coerced }, viewer);
  };
  return {
    execute(args) {
      check(args);
      return execute(args);
    },
    async subscribe(args) {
      check(args);
      return subscribe(args);
    },
  };
}
