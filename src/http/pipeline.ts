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
import { refusalOf, type Viewer } from '../access/viewer.ts';
import { countVisitorSends } from '../access/visitor-limits.ts';
import type { Deps } from '../deps.ts';
import {
  BadUserInputError,
  ForbiddenError,
  NotAcceptableError,
  OperationTimeoutError,
  PayloadTooLargeError,
  RefusalError,
  UnauthenticatedError,
} from '../domain/errors.ts';
import { createFeed } from '../domain/feed.ts';
import { MAX_BODY_BYTES } from '../domain/shared-limits.ts';
import { countMutationFields, countRequests, requireRequestsLeft, type TransportContext } from './auth.ts';
import { measureOperation, rootFieldNamesOf } from './cost/query-limits.ts';
import { findConditionalRoots, requireValues } from './document-rules.ts';
import type { Executor, SubscriptionResults, WrapExecution } from './executor.ts';
import { toGraphQLError } from './graphql-errors.ts';
import { isStreamType } from './media-types.ts';
import { createDryRunResult, type OperationPrice, withRateLimit } from './operations/request-options.ts';
import { parseWithinLimits } from './parse-document.ts';
import { limitResponse } from './response-limit.ts';
import { requireAccess } from './scopes.ts';
import { requireSessionFields, requireSessionObjects } from './sessions/session-fields.ts';

const MAX_VALIDATION_ERRORS = 5;
/** The characters of the error of a variable that are shown at its start and at its end. */
const SHOWN_CHARS = 300;
const TIMEOUT_MS = { query: 15_000, mutation: 30_000, subscription: 15_000 };

/** Parses and validates within the limits. Yoga caches parsed documents, so each is parsed here only once. */
export function useParser(): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn(parseWithinLimits);
    },
    onValidate({ setValidationFn }) {
      setValidationFn((schema, document, rules) => {
        const errors = validateWithErrorLimit(schema, document, rules);
        // The document is well-formed. Source: GraphQL over HTTP. Otherwise the framework sets 400.
        for (const { extensions } of errors) extensions.http = { status: 422, spec: true };
        return errors;
      });
    },
  };
}

/** Validates a document, and returns the first few errors. */
export function validateWithErrorLimit(
  schema: GraphQLSchema,
  document: DocumentNode,
  rules?: Parameters<typeof validate>[2],
): readonly GraphQLError[] {
  const errors = findConditionalRoots(document);
  if (errors.length > 0) return errors.slice(0, MAX_VALIDATION_ERRORS);
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

/** Checks and executes operations. */
export interface Pipeline {
  /**
   * Checks an operation before it runs: the types of its variables, its size, the scopes and the fields that it needs,
   * and the rate limit of a mutation with more than one field. An operation that is refused has no effect.
   * @throws RefusalError
   */
  readonly check: (args: ExecutionArgs) => Promise<void>;
  /**
   * Executes a checked operation, or subscribes, depending on the operation. Returns a refusal during the execution as a
   * result with an error.
   */
  readonly run: RunOperation;
}

type RunOperation = (args: ExecutionArgs) => Promise<ExecutionResult | SubscriptionResults>;

/** Makes Yoga check and execute operations with a pipeline. */
export function usePipeline({ check, run }: Pipeline): Plugin<TransportContext> {
  const checkAndRun: RunOperation = async (args) => {
    try {
      requireAcceptable(args);
      await check(args);
    } catch (error) {
      return toResult(args, error);
    }
    return run(args);
  };
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn(checkAndRun),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(checkAndRun),
  };
}

/** @throws NotAcceptableError if the client accepts no media type of the response. The operation then has no effect. */
function requireAcceptable(args: ExecutionArgs): void {
  const { accepted, options } = args.contextValue as TransportContext;
  const isStream = kindOf(args) === 'subscription' && !options?.dryRun;
  if (accepted && accepted[isStream ? 'stream' : 'result'] === undefined) throw new NotAcceptableError(isStream);
}

/** Creates the pipeline of one process. */
export function createPipeline(deps: Deps, { execute, subscribe }: Executor): Pipeline {
  const pricesOfDryRuns = new WeakMap<ExecutionArgs, OperationPrice>();
  const withResponseLimit: WrapExecution = (run) => limitResponse(deps.config.maxResponseBytes, run);

  async function check(args: ExecutionArgs): Promise<void> {
    const { schema, document } = args;
    const operation = getOperationAST(document, args.operationName);
    if (operation == null) throw new BadUserInputError('Name one of the operations in the document.');
    const { viewer, largeBody, options } = args.contextValue as TransportContext;
    if (largeBody?.isUsed && operation.operation !== 'mutation') {
      throw new PayloadTooLargeError(`Only mutations may have more than ${MAX_BODY_BYTES / 1_024} kB.`);
    }
    requireRequestsLeft(deps, args, operation);
    const variables = coerceVariables(args, operation);
    requireValues(schema, document, variables);
    const cost = measureOperation(schema, document, operation, variables);
    if (options?.dryRun) pricesOfDryRuns.set(args, { cost, requests: countRequests(args, operation) });
    // Without a viewer only introspection runs.
    if (viewer === undefined) return;
    const target = { schema, document, operation, variables };
    const { session } = viewer;
    if (session) requireSessionFields(target);
    requireAccess(target, viewer);
    if (session) await requireSessionObjects(deps, { ...viewer, session }, target);
    // A dry run counts as one request, and authentication has counted it.
    if (operation.operation !== 'mutation' || options?.dryRun) return;
    await countMutationFields(deps, args, operation, viewer);
    if (session) await countVisitorSends(deps, session, viewer.limits, rootFieldNamesOf(document, operation));
  }

  async function run(args: ExecutionArgs): Promise<ExecutionResult | SubscriptionResults> {
    const price = pricesOfDryRuns.get(args);
    if (price !== undefined) return createDryRunResult(price);
    const { viewer, countStream } = args.contextValue as TransportContext;
    switch (kindOf(args)) {
      case 'query':
        return withResponseLimit(() => execute(args));
      case 'subscription':
        if (viewer) countStream?.(viewer);
        return withRefusalAtEnd(
          await subscribe(args, (executeEvent) => {
            renewLoaders(args.contextValue as GraphContext);
            return withResponseLimit(executeEvent);
          }),
          viewer,
        );
      default:
        // A mutation cannot be undone, so `measureOperation` has already bounded its response.
        return execute(args);
    }
  }

  return {
    async check(args) {
      const startedAt = performance.now();
      try {
        await check(args);
        if (!pricesOfDryRuns.has(args)) (args.contextValue as TransportContext).onChecked?.(args.document);
      } catch (error) {
        observe(deps, args, startedAt, codeOf(error));
        throw error;
      }
    },

    async run(args) {
      const startedAt = performance.now();
      let outcome = 'ok';
      try {
        const result = await withTimeout(run(args), TIMEOUT_MS[kindOf(args)]);
        if ('errors' in result && result.errors?.length) outcome = codeOf(result.errors[0]);
        return withRequestedStatus(args, result);
      } catch (error) {
        outcome = codeOf(error);
        return toResult(args, error);
      } finally {
        observe(deps, args, startedAt, outcome);
      }
    },
  };
}

/** Adds the rate limit status to a result, if the client asks for it. */
function withRequestedStatus<R extends ExecutionResult | SubscriptionResults>(
  { contextValue }: ExecutionArgs,
  result: R,
) {
  const { options, rateLimit } = contextValue as TransportContext;
  return options?.rateLimit && !(Symbol.asyncIterator in result) ? withRateLimit(result, rateLimit) : result;
}

/** Adds a last result with the refusal, if the results end because the credential was revoked or has expired. */
function withRefusalAtEnd(
  results: SubscriptionResults | ExecutionResult,
  viewer: Viewer | undefined,
): SubscriptionResults | ExecutionResult {
  if (viewer === undefined || !(Symbol.asyncIterator in results)) return results;
  return createFeed(
    async (push) => {
      await results.pushTo(push);
      const refusal = refusalOf(viewer);
      if (refusal) await push({ errors: [new GraphQLError(refusal.message, { extensions: { code: refusal.code } })] });
    },
    () => void results.return(),
  );
}

/** Counts an operation with its duration: when it is refused, or when it ends. */
function observe({ metrics }: Pick<Deps, 'metrics'>, args: ExecutionArgs, startedAt: number, outcome: string): void {
  const { transport } = args.contextValue as TransportContext;
  const seconds = (performance.now() - startedAt) / 1_000;
  metrics.operationSeconds.observe({ kind: kindOf(args), transport, outcome }, seconds);
}

const kindOf = ({ document, operationName }: ExecutionArgs): keyof typeof TIMEOUT_MS =>
  getOperationAST(document, operationName)?.operation ?? 'query';

/** The result of a refused operation; throws any other error. */
function toResult(args: ExecutionArgs, error: unknown): ExecutionResult {
  if (!(error instanceof RefusalError)) throw error;
  const { message, extensions } = toGraphQLError(error);
  const { http, ...visible } = extensions;
  const { accepted } = args.contextValue as TransportContext;
  // A subscription that lacks a scope is refused by an event: without an HTTP status the stream opens and sends the
  // error, which a client of an event stream can read.
  const isSentAsEvent =
    kindOf(args) === 'subscription' && error instanceof ForbiddenError && isStreamType(accepted?.result);
  return { errors: [new GraphQLError(message, { extensions: isSentAsEvent ? visible : extensions })] };
}

/** @throws BadUserInputError with the first few errors of invalid variables. */
function coerceVariables(
  { schema, variableValues }: ExecutionArgs,
  operation: OperationDefinitionNode,
): Record<string, unknown> {
  const { coerced, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {}, {
    maxErrors: MAX_VALIDATION_ERRORS,
  });
  if (errors) throw new BadUserInputError(errors.map(({ message }) => shorten(message)).join(' '));
  return coerced;
}

/** Leaves out the middle of a long text: the messages of the library repeat values, and end with what is wrong. */
function shorten(message: string): string {
  const { length } = message;
  return length > 2 * SHOWN_CHARS ? `${message.slice(0, SHOWN_CHARS)}…${message.slice(-SHOWN_CHARS)}` : message;
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
