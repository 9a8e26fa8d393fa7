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
import { createSharing } from './sharing.ts';

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
  const joinGroup = createSharing();
  const run = (args: ExecutionArgs) => (findCompiled(args) ?? executePlainly)(args);

  return {
    // Compiled operations are less strict with their variables: graphql-js looks at them first, and tells what is wrong.
    execute: (args) => (hasGoodVariables(args) ? run(args) : executePlainly(args)),

    async subscribe(args) {
      const source = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in source)) return source;
      const share = joinGroup(args);
      const runEvent = (event: unknown) => run({ ...args, rootValue: event });
      return mapEvents(source, (event) => share.run(event, runEvent), share.leave);
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
  leave: () => void,
): Results {
  const events = source[Symbol.asyncIterator]();
  const results: Results = {
    async next() {
      try {
        const { done, value } = await events.next();
        if (!done) return { done: false, value: await run(value) };
      } catch (error) {
        leave();
        throw error;
      }
      leave();
      return { done: true, value: undefined };
    },
    async return() {
      leave();
      await events.return?.();
      return { done: true, value: undefined };
    },
    async throw(error) {
      leave();
      await events.throw?.(error);
      throw error;
    },
    [Symbol.asyncIterator]: () => results,
    [Symbol.asyncDispose]: async () => void (await results.return()),
  };
  return results;
}
