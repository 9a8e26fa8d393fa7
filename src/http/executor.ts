import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute as executePlainly,
  getOperationAST,
  getVariableValues,
} from 'graphql';
import type { Deps } from '../deps.ts';
import { createCompiler } from './compiler.ts';

/** Results of a subscription, one for each event. */
export type Results = AsyncGenerator<ExecutionResult, void, void>;

/** Executes what is validated, as graphql-js does, and faster where the operation is known. */
export interface Executor {
  /** Runs a query or a mutation. */
  execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult>;
  /** Starts a subscription. Gives a result with errors when there will be no events. */
  subscribe(args: ExecutionArgs): Promise<Results | ExecutionResult>;
}

/** Makes the executor of one process. */
export function createExecutor(deps: Pick<Deps, 'config' | 'metrics'>): Executor {
  const findCompiled = createCompiler(deps);
  const run = (args: ExecutionArgs) => (findCompiled(args) ?? executePlainly)(args);

  return {
    // Compiled operations are less strict with their variables: graphql-js looks at them first, and tells what is wrong.
    execute: (args) => (hasGoodVariables(args) ? run(args) : executePlainly(args)),

    async subscribe(args) {
      const source = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in source)) return source;
      return mapEvents(source, (event) => run({ ...args, rootValue: event }));
    },
  };
}

function hasGoodVariables({ schema, document, operationName, variableValues }: ExecutionArgs): boolean {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  return getVariableValues(schema, definitions, variableValues ?? {}, { maxErrors: 1 }).errors === undefined;
}

/** A generator would do, but one that waits for an event does not hear `return`. */
function mapEvents(
  source: AsyncIterable<unknown>,
  run: (event: unknown) => ExecutionResult | Promise<ExecutionResult>,
): Results {
  const events = source[Symbol.asyncIterator]();
  const results: Results = {
    async next() {
      const { done, value } = await events.next();
      return done ? { done, value: undefined } : { done: false, value: await run(value) };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
    async throw(error) {
      await events.throw?.(error);
      throw error;
    },
    [Symbol.asyncIterator]: () => results,
    [Symbol.asyncDispose]: async () => void (await results.return()),
  };
  return results;
}
