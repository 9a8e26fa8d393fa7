import type { DocumentNode, ExecutionArgs, ExecutionResult } from 'graphql';
import type { GraphContext } from '../../schema/context.ts';
import { viewKeyOf } from '../access/view.ts';

type MaybeResult = ExecutionResult | Promise<ExecutionResult>;

/** Serializes a result as JSON. */
export type SerializeResult = (result: ExecutionResult) => string;

/** A result that several subscribers receive. */
class SharedResult implements ExecutionResult {
  declare readonly data: Exclude<ExecutionResult['data'], undefined>;
  declare readonly errors?: NonNullable<ExecutionResult['errors']>;
  #text: string | undefined;

  constructor(result: ExecutionResult) {
    Object.assign(this, result);
  }

  /** Serializes the result at the first call; later calls return the same text. Only WebSockets use it. */
  serialize(serialize: SerializeResult): string {
    this.#text ??= serialize(this);
    return this.#text;
  }
}

/**
 * Creates a serializer that serializes a shared result once, whatever the number of subscribers. A process needs only
 * one such serializer.
 */
export function createResultSerializer(serialize: SerializeResult): SerializeResult {
  return (result) => (result instanceof SharedResult ? result.serialize(serialize) : serialize(result));
}

/** Subscribers that receive the same result for an event. */
interface SubscriberGroup {
  size: number;
  /** The results, by event object. */
  readonly results: WeakMap<object, MaybeResult>;
}

/** The membership of one subscriber in a group. */
export interface GroupMembership {
  /** Executes an event, or returns the result that another subscriber of the group has computed. */
  run(event: unknown, execute: (event: unknown) => MaybeResult): MaybeResult;
  /** Leaves the group; must be called once. */
  leave(): void;
}

/**
 * Lets subscribers share the execution of an event if their results are always equal: subscribers with the same
 * operation, variables, account, scopes and session. A group with one subscriber does not store results.
 */
export function createSubscriberGroups(): (args: ExecutionArgs) => GroupMembership {
  const groups = new Map<string, SubscriberGroup>();
  const documentIdOf = createObjectIds<DocumentNode>();

  return ({ document, operationName, variableValues, contextValue }) => {
    const { viewer } = contextValue as GraphContext;
    const groupKey = JSON.stringify([documentIdOf(document), operationName, variableValues, viewKeyOf(viewer)]);
    const group = groups.get(groupKey) ?? { size: 0, results: new WeakMap() };
    groups.set(groupKey, group);
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
        if (group.size === 0) groups.delete(groupKey);
      },
    };
  };
}

const toShared = (result: ExecutionResult): SharedResult => new SharedResult(result);

/** Creates a function that assigns a unique number to each object. */
function createObjectIds<T extends object>(): (object: T) => number {
  const ids = new WeakMap<T, number>();
  let lastId = 0;
  return (object) => {
    const id = ids.get(object) ?? ++lastId;
    ids.set(object, id);
    return id;
  };
}
