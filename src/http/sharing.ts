import type { DocumentNode, ExecutionArgs, ExecutionResult } from 'graphql';
import type { GraphContext } from '../../schema/context.ts';
import { describeView } from '../domain/view.ts';

type MaybeResult = ExecutionResult | Promise<ExecutionResult>;

/** One subscriber's share in a group. */
export interface Share {
  /** Executes an event, or gives what another of the group has made of it. */
  run(event: unknown, execute: (event: unknown) => MaybeResult): MaybeResult;
  /** Leaves the group; may be called again. */
  leave(): void;
}

/**
 * Makes what lets subscribers share the execution of an event, the very object, where nothing could come out differently:
 * with the same operation, the same variables, the same account and the same scopes. Whoever is alone shares nothing.
 */
export function createSharing(): (args: ExecutionArgs) => Share {
  const sizes = new Map<string, number>();
  const results = new WeakMap<object, Map<string, MaybeResult>>();
  const nameDocument = createNames<DocumentNode>();

  return ({ document, operationName, variableValues, contextValue }) => {
    const { viewer } = contextValue as GraphContext;
    const group = JSON.stringify([nameDocument(document), operationName, variableValues, describeView(viewer)]);
    sizes.set(group, (sizes.get(group) ?? 0) + 1);
    let isMember = true;

    return {
      run(event, execute) {
        if (sizes.get(group) === 1 || typeof event !== 'object' || event === null) return execute(event);
        const known = results.get(event) ?? new Map<string, MaybeResult>();
        if (known.size === 0) results.set(event, known);
        const result = known.get(group) ?? execute(event);
        known.set(group, result);
        return result;
      },

      leave() {
        if (!isMember) return;
        isMember = false;
        const rest = (sizes.get(group) ?? 1) - 1;
        if (rest > 0) sizes.set(group, rest);
        else sizes.delete(group);
      },
    };
  };
}

/** Gives every object a number of its own. */
function createNames<T extends object>(): (object: T) => number {
  const names = new WeakMap<T, number>();
  let last = 0;
  return (object) => {
    const name = names.get(object) ?? ++last;
    names.set(object, name);
    return name;
  };
}
