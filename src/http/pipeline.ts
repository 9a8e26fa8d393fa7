import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  validate,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { type GraphContext, renewLoaders } from '../../schema/context.ts';
import { consumeRateLimit } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import {
  BadUserInputError,
  ForbiddenError,
  OperationTimeoutError,
  RateLimitedError,
  RefusalError,
  UnauthenticatedError,
} from '../domain/errors.ts';
import type { TransportContext } from './auth.ts';
import type { Executor, SubscriptionResults, WrapExecution } from './executor.ts';
import { toGraphQLError } from './graphql-errors.ts';
import { parseWithinLimits } from './parse-document.ts';
import { measureOperation, rootFieldNamesOf } from './query-limits.ts';
import { limitResponse } from './response-limit.ts';
import { requireSessionFields } from './session-fields.ts';

const MAX_VALIDATION_ERRORS = 5;
const TIMEOUT_MS = { query: 15_000, mutation: 30_000, subscription: 15_000 };

/** Parses and validates within the limits. Yoga caches parsed documents, so each is parsed here only once. */
export function useParser(): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn(parseWithinLimits);
    },
    onValidate({ setValidationFn }) {
      setValidationFn(validateWithErrorLimit);
    },
  };
}

/** Validates a document, and returns the first few errors. */
export function validateWithErrorLimit(
  schema: GraphQLSchema,
  document: DocumentNode,
  rules?: Parameters<typeof validate>[2],
): readonly GraphQLError[] {
  return validate(schema, document, rules, { maxErrors: MAX_VALIDATION_ERRORS });
}

/**
 * Refuses requests without a credential, except for `__typename` and, outside production, for introspection. The check
 * runs before validation, because validation errors reveal the schema. In production, a request without a credential
 * never gets validation errors.
 */
export function useCredentialCheck({ config }: Pick<Deps, 'config'>): Plugin<TransportContext> {
  const anonymousFields = new Set(config.isProduction ? ['__typename'] : ['__typename', '__schema', '__type']);
  const isAllowedAnonymously = (document: DocumentNode) =>
    document.definitions.every(
      (definition) =>
        definition.kind !== Kind.OPERATION_DEFINITION ||
        rootFieldNamesOf(document, definition).every((name) => anonymousFields.has(name)),
    );
  return {
    onParse({ context }) {
      if (context.viewer !== undefined) return undefined;
      return ({ result }) => {
        if (result instanceof Error || !isAllowedAnonymously(result as DocumentNode)) throw new UnauthenticatedError();
      };
    },
    onValidate({ context }) {
      if (context.viewer !== undefined || !config.isProduction) return undefined;
      return ({ valid }) => {
        if (!valid) throw new UnauthenticatedError();
      };
    },
  };
}

/** Executes or subscribes, depending on the operation. */
export type Pipeline = (args: ExecutionArgs) => Promise<ExecutionResult | SubscriptionResults>;

/** Makes Yoga execute operations with a pipeline. */
export function usePipeline(pipeline: Pipeline): Plugin<TransportContext> {
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn(pipeline),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(pipeline),
  };
}

/**
 * Creates the pipeline. Before it executes an operation, it checks the types of the variables, the size of the
 * operation, the fields that a session selects, and the rate limit of a mutation with more than one field. A refused
 * operation executes nothing.
 */
export function createPipeline(deps: Deps, { execute, subscribe }: Executor): Pipeline {
  const withResponseLimit: WrapExecution = (run) => limitResponse(deps.config.maxResponseBytes, run);

  async function run(args: ExecutionArgs, operation: OperationDefinitionNode) {
    const variables = coerceVariables(args, operation);
    measureOperation(args.schema, args.document, operation, variables);
    const { viewer, countStream } = args.contextValue as TransportContext;
    if (viewer?.session)
      await requireSessionFields(deps, { ...viewer, session: viewer.session }, args, operation, variables);
    if (operation.operation === 'mutation') await countFurtherFields(args, operation);
    switch (operation.operation) {
      case 'query':
        return withResponseLimit(() => execute(args));
      case 'subscription':
        if (viewer) countStream?.(viewer);
        return subscribe(args, (executeEvent) => {
          renewLoaders(args.contextValue as GraphContext);
          return withResponseLimit(executeEvent);
        });
      default:
        // A mutation cannot be undone, so `measureOperation` has already bounded its response.
        return execute(args);
    }
  }

  /** Authentication has counted one request; each further field of a mutation counts one more. */
  async function countFurtherFields({ document, contextValue }: ExecutionArgs, operation: OperationDefinitionNode) {
    const { viewer, reportRateLimit } = contextValue as TransportContext;
    const furtherCount = rootFieldNamesOf(document, operation).length - 1;
    if (viewer === undefined || furtherCount === 0) return;
    try {
      reportRateLimit(await consumeRateLimit(deps, viewer, furtherCount));
    } catch (error) {
      if (error instanceof RateLimitedError && error.rateLimit) reportRateLimit(error.rateLimit, error.retryAfterMs);
      throw error;
    }
  }

  return async (args) => {
    const startedAt = performance.now();
    const operation = getOperationAST(args.document, args.operationName);
    const kind = operation?.operation ?? 'query';
    let outcome = 'ok';
    try {
      if (operation == null) throw new BadUserInputError('Name one of the operations in the document.');
      const result = await withTimeout(run(args, operation), TIMEOUT_MS[kind]);
      if ('errors' in result && result.errors?.length) outcome = codeOf(result.errors[0]);
      return result;
    } catch (error) {
      outcome = codeOf(error);
      if (!(error instanceof RefusalError)) throw error;
      const { message, extensions } = toGraphQLError(error);
      const { http, ...visible } = extensions;
      // A subscription that lacks a scope is refused by an event: without an HTTP status the stream opens and sends the
      // error, which a client of an event stream can read.
      const isSentAsEvent = kind === 'subscription' && error instanceof ForbiddenError;
      return { errors: [new GraphQLError(message, { extensions: isSentAsEvent ? visible : extensions })] };
    } finally {
      const { transport } = args.contextValue as TransportContext;
      deps.metrics.operationSeconds.observe({ kind, transport, outcome }, (performance.now() - startedAt) / 1_000);
    }
  };
}

/** @throws BadUserInputError with the first few errors of invalid variables. */
function coerceVariables(
  { schema, variableValues }: ExecutionArgs,
  operation: OperationDefinitionNode,
): Record<string, unknown> {
  const { coerced, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {}, {
    maxErrors: MAX_VALIDATION_ERRORS,
  });
  if (errors) throw new BadUserInputError(errors.map(({ message }) => message).join(' '));
  return coerced;
}

function codeOf(error: unknown): string {
  if (error instanceof RefusalError) return error.code;
  if (error instanceof GraphQLError) {
    return error.originalError ? codeOf(error.originalError) : String(error.extensions.code ?? 'GRAPHQL_ERROR');
  }
  return 'INTERNAL_SERVER_ERROR';
}

/** @throws OperationTimeoutError when `promise` takes longer; its work continues, and its result is ignored. */
export async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new OperationTimeoutError()), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
