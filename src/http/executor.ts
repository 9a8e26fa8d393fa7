import {
  BREAK,
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute as executeInterpreted,
  getOperationAST,
  getVariableValues,
  visit,
} from 'graphql';
import type { GraphContext } from '../../schema/context.ts';
import { positionInShard, readAccountPosition } from '../conversations/account-position.ts';
import type { Deps } from '../deps.ts';
import { StorageUnavailableError } from '../domain/errors.ts';
import type { ConversationEvent } from '../domain/events.ts';
import { type Feed, type MaybePromise, mapFeed } from '../domain/feed.ts';
import { retryWhileUnavailable } from '../domain/retry.ts';
import { createCompiler, type RunOperation } from './compiler.ts';
import { createSubscriberGroups } from './shared-results.ts';

/** Results of a subscription, one per event. */
export type SubscriptionResults = Feed<ExecutionResult>;

/** Wraps an execution, and may replace its result. */
export type WrapExecution = (execute: () => MaybePromise<ExecutionResult>) => MaybePromise<ExecutionResult>;

/** Executes validated operations like graphql-js, but faster once they are compiled. Checks no scopes. */
export interface Executor {
  /** Runs a query or a mutation. */
  execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult>;
  /**
   * Starts a subscription, whose source must be a feed. Returns a result with errors instead if the subscription cannot
   * start.
   * @param wrapExecution wraps the execution of each event; absent: no wrapper.
   */
  subscribe(args: ExecutionArgs, wrapExecution?: WrapExecution): Promise<SubscriptionResults | ExecutionResult>;
}

const selectsEventCursorByDocument = new WeakMap<DocumentNode, boolean>();

/** Creates the executor of one process. */
export function createExecutor(deps: Pick<Deps, 'config' | 'metrics'>): Executor {
  const findCompiled = createCompiler(deps);
  const joinGroup = createSubscriberGroups();
  const run = (args: ExecutionArgs) => (findCompiled(args) ?? executeInterpreted)(args);

  return {
    // Compiled operations check variables less strictly, so graphql-js checks them first and reports their errors.
    execute(args) {
      const execute = () => (hasValidVariables(args) ? run(args) : executeInterpreted(args));
      const positionRead = recordPosition(args);
      return positionRead === undefined ? execute() : positionRead.then(execute);
    },

    async subscribe(args, wrapExecution = (execute) => execute()) {
      await recordPosition(args);
      const source = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in source)) return source;
      const membership = joinGroup(args);
      let runEvent: RunOperation | undefined;
      const executeEvent = (event: unknown) => {
        // A compiled operation stays compiled, so later events need no lookup.
        runEvent ??= findCompiled(args);
        const execute = runEvent ?? executeInterpreted;
        movePosition(args, event);
        const executeOnce = () => wrapExecution(() => execute({ ...args, rootValue: event }));
        const result = executeOnce();
        return result instanceof Promise ? executeWithRetries(result, executeOnce, args) : result;
      };
      return mapFeed(source as Feed<unknown>, (event) => membership.run(event, executeEvent), membership.leave);
    },
  };
}

/**
 * Executes the operation again for an event whose data could not be read: the feed delivers each event only once, so
 * the result would otherwise be lost.
 */
async function executeWithRetries(
  firstResult: Promise<ExecutionResult>,
  execute: () => MaybePromise<ExecutionResult>,
  { contextValue }: ExecutionArgs,
): Promise<ExecutionResult> {
  let result = await firstResult;
  const check = (latest: ExecutionResult) => {
    result = latest;
    const readError = latest.errors?.find(({ originalError }) => originalError instanceof StorageUnavailableError);
    if (readError?.originalError) throw readError.originalError;
  };
  const { signal } = contextValue as GraphContext;
  const retry = async () => check(await execute());
  await retryWhileUnavailable(firstResult.then(check), retry, signal).catch((error) => {
    if (!(error instanceof StorageUnavailableError)) throw error;
  });
  return result;
}

function hasValidVariables({ schema, document, operationName, variableValues }: ExecutionArgs): boolean {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  return getVariableValues(schema, definitions, variableValues ?? {}, { maxErrors: 1 }).errors === undefined;
}

/**
 * Reads the position of the account's log for the fields `eventCursor`, if the document selects one. The caller waits
 * before it executes anything. So the position is never newer than anything else in the response: the response contains
 * at least what the events before the position have changed.
 */
export function recordPosition({ document, contextValue }: ExecutionArgs): Promise<void> | undefined {
  const context = contextValue as GraphContext;
  // Without a viewer only introspection runs.
  if (!selectsEventCursor(document) || context?.viewer === undefined) return undefined;
  return readAccountPosition(context.deps.db.read, context.viewer.accountId).then((position) => {
    context.position = position;
  });
}

/**
 * Moves the position of a subscription to an event, before the event is executed: what the response shows was read after
 * the event was logged. An event that is not logged keeps the position of the event before it.
 */
function movePosition({ contextValue }: ExecutionArgs, event: unknown): void {
  const context = contextValue as GraphContext;
  const { entry } = event as Partial<ConversationEvent>;
  if (context.position === undefined || entry === undefined) return;
  context.position = new Map(context.position).set(entry.shard, positionInShard(entry));
}

function selectsEventCursor(document: DocumentNode): boolean {
  const known = selectsEventCursorByDocument.get(document);
  if (known !== undefined) return known;
  let isSelected = false;
  visit(document, {
    Field: ({ name }) => {
      if (name.value !== 'eventCursor') return undefined;
      isSelected = true;
      return BREAK;
    },
  });
  selectsEventCursorByDocument.set(document, isSelected);
  return isSelected;
}
