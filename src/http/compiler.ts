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
import { isStoredDocument } from './operations/document-cache.ts';

/** Runs one operation; its variables must be valid. */
export type RunOperation = (args: ExecutionArgs) => ExecutionResult | Promise<ExecutionResult>;

/** Counts one use of an operation, and returns its compiled form; `undefined` if it is not compiled (yet). */
export type FindCompiled = (args: ExecutionArgs) => RunOperation | undefined;

/** The use count of one operation, and its compiled form. */
interface OperationEntry {
  count: number;
  run: RunOperation | undefined;
}

const NULL_FOR_NON_NULL = /^Cannot return null for non-nullable field /;
const CONTAINER_KINDS: ReadonlySet<string> = new Set([Kind.OBJECT, Kind.LIST]);
const MAX_DOCUMENTS = 300;
const MAX_STORED_DOCUMENTS = 1_000;
const MAX_SELECTIONS = 1_000;

/**
 * Creates the compiler, which turns an operation into a function at the use with the number `compileAtUse`. A
 * compilation takes as long as a few executions, and makes each later execution cheaper. graphql-js interprets the
 * operations that are not compiled.
 */
export function createCompiler({ config, metrics }: Pick<Deps, 'config' | 'metrics'>): FindCompiled {
  const { compileAtUse } = config;
  if (compileAtUse === 0) return () => undefined;
  const sentDocuments = new LRUCache<DocumentNode, Map<string, OperationEntry>>({ max: MAX_DOCUMENTS });
  // Documents that clients send never displace those of manifests.
  const storedDocuments = new LRUCache<DocumentNode, Map<string, OperationEntry>>({ max: MAX_STORED_DOCUMENTS });

  return (args) => {
    const operationsByDocument = isStoredDocument(args.document) ? storedDocuments : sentDocuments;
    const operations = operationsByDocument.get(args.document) ?? new Map<string, OperationEntry>();
    if (operations.size === 0) operationsByDocument.set(args.document, operations);
    const name = args.operationName ?? '';
    const operation = operations.get(name) ?? { count: 0, run: undefined };
    if (operation.count === 0) operations.set(name, operation);
    operation.count++;
    if (operation.count === compileAtUse) {
      operation.run = compile(args);
      metrics.compilations.inc({ outcome: operation.run === undefined ? 'failed' : 'ok' });
    }
    return operation.run;
  };
}

function compile({ schema, document, operationName }: ExecutionArgs): RunOperation | undefined {
  if (isTooLarge(document) || isUnsafeToCompile(document)) return undefined;
  // graphql-jit modifies the document, which would affect the next operation that is compiled from it.
  const copy = document.loc === undefined ? structuredClone(document) : parse(document.loc.source);
  const compiled = compileQuery(schema, copy, operationName ?? undefined);
  if (!isCompiledQuery(compiled)) return undefined;
  const { query }: CompiledQuery = compiled;
  const withGraphQLJsErrors = (result: ExecutionResult): ExecutionResult => {
    const { errors, ...otherParts } = result;
    return errors === undefined
      ? result
      : { errors: errors.map((error) => toGraphQLJsError(error, document.loc?.source)), ...otherParts };
  };
  return ({ rootValue, contextValue, variableValues }) => {
    const result = query(rootValue, contextValue, variableValues);
    return result instanceof Promise ? result.then(withGraphQLJsErrors) : withGraphQLJsErrors(result);
  };
}

/** Whether a document is too large to compile: graphql-jit inlines a fragment at each of its spreads. */
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
 * Whether a document has parts that only graphql-js should execute. Each further `@skip` or `@include` in one selection
 * set doubles the compilation time: ten would block the gateway. In compiled code, an absent variable inside an object
 * or a list would override the default value at its position, and a required variable would count as missing despite
 * its default. Introspection takes longest to compile, and even clients without a key could send it.
 */
function isUnsafeToCompile(document: DocumentNode): boolean {
  let isUnsafe = false;
  const markUnsafe = () => {
    isUnsafe = true;
    return BREAK;
  };
  visit(document, {
    Directive: markUnsafe,
    Field: ({ name }) => (name.value === '__schema' || name.value === '__type' ? markUnsafe() : undefined),
    VariableDefinition: ({ type, defaultValue }) =>
      type.kind === Kind.NON_NULL_TYPE && defaultValue !== undefined ? markUnsafe() : undefined,
    Variable: (_node, _key, _parent, _path, ancestors) =>
      ancestors.some((node) => 'kind' in node && CONTAINER_KINDS.has(node.kind)) ? markUnsafe() : undefined,
  });
  return isUnsafe;
}

/**
 * Converts an error of compiled code to the form of graphql-js: with `extensions`. An error about a null for a non-null
 * field also gets an original error, which marks it as a bug of the gateway and not as the client's fault.
 */
function toGraphQLJsError(
  { message, path, locations, originalError }: GraphQLError,
  source: Source | undefined,
): GraphQLError {
  if (originalError instanceof GraphQLError && originalError.path !== undefined) return originalError;
  const origin = originalError ?? (NULL_FOR_NON_NULL.test(message) ? new Error(message) : undefined);
  const positions = source && locations?.map((location) => offsetOf(source, location));
  return new GraphQLError(message, { source, positions, path, originalError: origin });
}

/** Converts a line and a column of graphql-js to an offset in the source. */
function offsetOf({ body }: Source, { line, column }: SourceLocation): number {
  const lineBreak = [...body.matchAll(/\r\n|[\n\r]/g)][line - 2];
  return (lineBreak === undefined ? 0 : lineBreak.index + lineBreak[0].length) + column - 1;
}
