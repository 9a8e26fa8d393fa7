import {
  BREAK,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  Kind,
  parse,
  type SelectionSetNode,
  type Source,
  type SourceLocation,
  visit,
} from 'graphql';
import { type CompiledQuery, compileQuery, isCompiledQuery } from 'graphql-jit';
import { LRUCache } from 'lru-cache';
import type { Deps } from '../deps.ts';

/** Runs one operation; its variables must be known to be good. */
export type RunOperation = (args: ExecutionArgs) => ExecutionResult | Promise<ExecutionResult>;

/** Counts one use of an operation, and finds its compiled form; `undefined` where it has none, or not yet. */
export type FindCompiled = (args: ExecutionArgs) => RunOperation | undefined;

/** What is known of one operation of a document. */
interface Use {
  count: number;
  run: RunOperation | undefined;
}

const FORBIDDEN_NULL = /^Cannot return null for non-nullable field /;
const WITHIN: ReadonlySet<string> = new Set([Kind.OBJECT, Kind.LIST]);
const MAX_DOCUMENTS = 300;
const MAX_SELECTIONS = 1_000;

/**
 * Makes what compiles operations to functions when they have come often enough (`compileAtUse`): that takes as long as a
 * few executions, of which each is cheaper afterwards. What cannot be compiled never is.
 */
export function createCompiler({ config, metrics }: Pick<Deps, 'config' | 'metrics'>): FindCompiled {
  const { compileAtUse } = config;
  if (compileAtUse === 0) return () => undefined;
  const known = new LRUCache<DocumentNode, Map<string, Use>>({ max: MAX_DOCUMENTS });

  return (args) => {
    const uses = known.get(args.document) ?? new Map<string, Use>();
    if (uses.size === 0) known.set(args.document, uses);
    const name = args.operationName ?? '';
    const use = uses.get(name) ?? { count: 0, run: undefined };
    if (use.count === 0) uses.set(name, use);
    use.count++;
    if (use.count === compileAtUse) {
      use.run = compile(args);
      metrics.compilations.inc({ outcome: use.run === undefined ? 'failed' : 'ok' });
    }
    return use.run;
  };
}

function compile({ schema, document, operationName }: ExecutionArgs): RunOperation | undefined {
  if (isTooLarge(document) || hasTraps(document)) return undefined;
  // The compiler writes into the document, and what it wrote for one operation would hold for the next.
  const own = document.loc === undefined ? structuredClone(document) : parse(document.loc.source);
  const compiled = compileQuery(schema, own, operationName ?? undefined);
  if (!isCompiledQuery(compiled)) return undefined;
  const { query }: CompiledQuery = compiled;
  const withOwnErrors = (result: ExecutionResult): ExecutionResult => {
    const { errors, ...rest } = result;
    return errors === undefined
      ? result
      : { errors: errors.map((error) => toOwnError(error, document.loc?.source)), ...rest };
  };
  return ({ rootValue, contextValue, variableValues }) => {
    const result = query(rootValue, contextValue, variableValues);
    return result instanceof Promise ? result.then(withOwnErrors) : withOwnErrors(result);
  };
}

/** Whether a document is too large with its fragments written out: the compiler writes them out, again and again. */
function isTooLarge(document: DocumentNode): boolean {
  const fragments = new Map<string, SelectionSetNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition.selectionSet);
  }
  let count = 0;
  const visitSelections = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (++count > MAX_SELECTIONS) return;
      const inner =
        selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection.selectionSet;
      if (inner !== undefined) visitSelections(inner);
    }
  };
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) visitSelections(definition.selectionSet);
  }
  return count > MAX_SELECTIONS;
}

/**
 * Whether a document has what is better left to graphql-js. The compiler takes twice as long for each further condition
 * at one place (`@skip`, `@include`): ten of them would stop the gateway. And a variable in an object or a list that is
 * absent would hide the default of its place, and one that must be is missed although it has a default. Questions about the schema are asked once, also by people without a key, and
 * take longest to compile.
 */
function hasTraps(document: DocumentNode): boolean {
  let isFound = false;
  const find = () => {
    isFound = true;
    return BREAK;
  };
  visit(document, {
    Directive: find,
    Field: ({ name }) => (name.value === '__schema' || name.value === '__type' ? find() : undefined),
    VariableDefinition: ({ type, defaultValue }) =>
      type.kind === Kind.NON_NULL_TYPE && defaultValue !== undefined ? find() : undefined,
    Variable: (_node, _key, _parent, _path, ancestors) =>
      ancestors.some((node) => 'kind' in node && WITHIN.has(node.kind)) ? find() : undefined,
  });
  return isFound;
}

/**
 * Makes of an error what graphql-js would have thrown: with `extensions`, and with an origin where a resolver gave null
 * and must not, which is a fault of ours and not of who asks.
 */
function toOwnError(
  { message, path, locations, originalError }: GraphQLError,
  source: Source | undefined,
): GraphQLError {
  if (originalError instanceof GraphQLError && originalError.path !== undefined) return originalError;
  const origin = originalError ?? (FORBIDDEN_NULL.test(message) ? new Error(message) : undefined);
  const positions = source && locations?.map((location) => positionOf(source, location));
  return new GraphQLError(message, { source, positions, path, originalError: origin });
}

/** The place in the text that graphql-js tells as a line and a column. */
function positionOf({ body }: Source, { line, column }: SourceLocation): number {
  const lineBreak = [...body.matchAll(/\r\n|[\n\r]/g)][line - 2];
  return (lineBreak === undefined ? 0 : lineBreak.index + lineBreak[0].length) + column - 1;
}
