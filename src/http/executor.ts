import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute as executePlainly,
  getOperationAST,
  getVariableValues,
} from 'graphql';
import type { GraphContext } from '../../schema/context.ts';
import type { Deps } from '../deps.ts';
import { StorageUnavailableError } from '../domain/errors.ts';
import { type Feed, type MaybePromise, mapFeed } from '../domain/feed.ts';
import { retryWhileUnavailable } from '../domain/retry.ts';
import { createCompiler, type RunOperation } from './compiler.ts';
import { requireScopes } from './scopes.ts';
import { createSharing } from './sharing.ts';

/** Results of a subscription, one per event. */
export type Results = Feed<ExecutionResult>;

/** Wraps an execution, and may replace its result. */
export type WrapExecution = (execute: () => MaybePromise<ExecutionResult>) => MaybePromise<ExecutionResult>;

/**
 * Executes validated operations like graphql-js, but faster once they are compiled. Both methods throw a
 * `ForbiddenError` before anything runs when the viewer lacks a scope of a selected field.
 */
export interface Executor {
  /** Runs a query or a mutation. */
  execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult>;
  /**
   * Starts a subscription, whose source must be a feed. Returns a result with errors instead if there will be no
   * events.
   * @param around wraps the execution of each event; absent: no wrapper.
   */
  subscribe(args: ExecutionArgs, around?: WrapExecution): Promise<Results | ExecutionResult>;
}

/** Creates the executor of one process. */
export function createExecutor(deps: Pick<Deps, 'config' | 'metrics'>): Executor {
  const findCompiled = createCompiler(deps);
  const joinGroup = createSharing();
  const run = (args: ExecutionArgs) => (findCompiled(args) ?? executePlainly)(args);

  return {
    // Compiled operations check variables less strictly, so graphql-js checks them first and reports their errors.
    execute(args) {
      requireScopesOf(args);
      return hasValidVariables(args) ? run(args) : executePlainly(args);
    },

    async subscribe(args, around = (execute) => execute()) {
      requireScopesOf(args);
      const source = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in source)) return source;
      const share = joinGroup(args);
      let runEvent: RunOperation | undefined;
      const executeEvent = (event: unknown) => {
        // A compiled operation stays compiled, so frequent events need no lookup.
        runEvent ??= findCompiled(args);
        const execute = runEvent ?? executePlainly;
        const executeOnce = () => around(() => execute({ ...args, rootValue: event }));
        const result = executeOnce();
        return result instanceof Promise ? executeUntilRead(result, executeOnce, args) : result;
      };
      return mapFeed(source as Feed<unknown>, (event) => share.run(event, executeEvent), share.leave);
    },
  };
}

/**
 * Checks the scopes for the fields that an operation selects.
 * @throws ForbiddenError
 */
export function requireScopesOf({
  schema,
  document,
  operationName,
  variableValues,
  contextValue,
}: ExecutionArgs): void {
  const operation = getOperationAST(document, operationName);
  const { viewer } = (contextValue ?? {}) as Partial<GraphContext>;
  // Without a viewer only introspection runs.
  if (operation == null || viewer === undefined) return;
  requireScopes({ schema, document, operation, variables: variableValues ?? {} }, viewer.scopes);
}

/** Executes an event again if its data could not be read: the event is sent only once, so its data would be lost. */
async function executeUntilRead(
  first: Promise<ExecutionResult>,
  execute: () => MaybePromise<ExecutionResult>,
  { contextValue }: ExecutionArgs,
): Promise<ExecutionResult> {
  let result = await first;
  const check = (latest: ExecutionResult) => {
    result = latest;
    const readError = latest.errors?.find(({ originalError }) => originalError instanceof StorageUnavailableError);
    if (readError?.originalError) throw readError.originalError;
  };
  const { signal } = contextValue as GraphContext;
  const retry = async () => check(await execute());
  await retryWhileUnavailable(first.then(check), retry, signal).catch((error) => {
    if (!(error instanceof StorageUnavailableError)) throw error;
  });
  return result;
}

function hasValidVariables({ schema, document, operationName, variableValues }: ExecutionArgs): boolean {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  return getVariableValues(schema, definitions, variableValues ?? {}, { maxErrors: 1 }).errors === undefined;
}
