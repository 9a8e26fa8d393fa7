import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { ExecutionArgs, ExecutionResult, GraphQLSchema } from 'graphql';

/** Executes documents, with the function signatures of graphql-js. */
export interface GraphExecutor {
  execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult>;
  subscribe(args: ExecutionArgs): Promise<AsyncGenerator<ExecutionResult, void, void> | ExecutionResult>;
}

/** Runs typed documents against the schema in this process, on behalf of one request. */
export interface GraphClient {
  /** @throws the error of a resolver: a `RefusalError`, or any other error for a bug. */
  query<R, V extends Record<string, unknown>>(document: TypedDocumentNode<R, V>, variables: V): Promise<R>;
  /**
   * Returns the events of a subscription, to its end or until `signal` aborts. The iteration throws the error of an
   * event's resolver.
   * @throws like `query` if the subscription is refused.
   */
  subscribe<R, V extends Record<string, unknown>>(
    document: TypedDocumentNode<R, V>,
    variables: V,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<R, void, void>>;
}

/**
 * Creates the client of one request.
 * @param context the resolvers' context; a subscription replaces its `signal`.
 */
export function createGraphClient(
  { execute, subscribe }: GraphExecutor,
  schema: GraphQLSchema,
  context: object,
): GraphClient {
  return {
    async query<R, V extends Record<string, unknown>>(document: TypedDocumentNode<R, V>, variableValues: V) {
      return dataOf<R>(await execute({ schema, document, contextValue: context, variableValues }));
    },

    async subscribe<R, V extends Record<string, unknown>>(
      document: TypedDocumentNode<R, V>,
      variableValues: V,
      signal: AbortSignal,
    ) {
      const events = await subscribe({ schema, document, contextValue: { ...context, signal }, variableValues });
      if (Symbol.asyncIterator in events) return dataOfEach<R>(events);
      throw errorOf(events);
    },
  };
}

async function* dataOfEach<R>(events: AsyncIterable<ExecutionResult>): AsyncGenerator<R, void, void> {
  for await (const event of events) yield dataOf<R>(event);
}

function dataOf<R>(result: ExecutionResult): R {
  if (result.errors !== undefined) throw errorOf(result);
  return result.data as R;
}

const errorOf = ({ errors }: ExecutionResult): Error | undefined => errors?.[0]?.originalError ?? errors?.[0];
