import type { DocumentNode, ExecutionArgs, ExecutionResult } from 'graphql';
import type { GraphContext } from '../../schema/context.ts';
import { describeView } from '../domain/view.ts';

type MaybeResult = ExecutionResult | Promise<ExecutionResult>;

/** Serializes a result as JSON. */
export type WriteResult = (result: ExecutionResult) => string;

/** A result that several subscribers receive. */
class SharedResult implements ExecutionResult {
  declare readonly data: Exclude<ExecutionResult['data'], undefined>;
  declare readonly errors?: NonNullable<ExecutionResult['errors']>;
  #text: string | undefined;

  constructor(result: ExecutionResult) {
    Object.assign(this, result);
  }

  /** Serializes the result once: all subscribers use the same transport, and so receive the same text. */
  writtenBy(write: WriteResult): string {
    this.#text ??= write(this);
    return this.#text;
  }
}

/**
 * Creates a writer that serializes a shared result once, whatever the number of subscribers. A process needs only one.
 */
export function createWriter(write: WriteResult): WriteResult {
  return (result) => (result instanceof SharedResult ? result.writtenBy(write) : write(result));
}

/** Subscribers that receive the same result for an event. */
interface Group {
  size: number;
  /** The results, by event object. */
  readonly results: WeakMap<object, MaybeResult>;
}

/** One subscriber's membership of a group. */
export interface Share {
  /** Executes an event, or returns the result that another subscriber of the group has computed. */
  run(event: unknown, execute: (event: unknown) => MaybeResult): MaybeResult;
  /** Leaves the group; must be called once. */
  leave(): void;
}

/**
 * Lets subscribers share the execution of an event if all their results are equal: with the same operation, variables,
 * account and scopes. A subscriber that is alone in its group shares nothing.
 */
export function createSharing(): (args: ExecutionArgs) => Share {
  const groups = new Map<string, Group>();
  const nameDocument = createNames<DocumentNode>();

  return ({ document, operationName, variableValues, contextValue }) => {
    const { viewer } = contextValue as GraphContext;
    const name = JSON.stringify([nameDocument(document), operationName, variableValues, describeView(viewer)]);
    const group = groups.get(name) ?? { size: 0, results: new WeakMap() };
    groups.set(name, group);
    group.size++;

    return {
      run(event, execute) {
        if (group.size === 1 || typeof event !== 'object' || event === null) return execute(event);
        const existing = group.results.get(event);
        if (existing !== undefined) return existing;
        const executed = execute(event);
        const result = executed instanceof Promise ? executed.then(toShared) : toShared(executed);
        group.results.set(event, result);
        return result;
      },

      leave() {
        group.size--;
        if (group.size === 0) groups.delete(name);
      },
    };
  };
}

const toShared = (result: ExecutionResult): SharedResult => new SharedResult(result);

/** Creates a function that assigns each object a unique number. */
function createNames<T extends object>(): (object: T) => number {
  const names = new WeakMap<T, number>();
  let last = 0;
  return (object) => {
    const name = names.get(object) ?? ++last;
    names.set(object, name);
    return name;
  };
}
