import type { ExecutionResult } from 'graphql';
import type { CostPart, QueryTooComplexError } from '../domain/errors.ts';
import type { MaybePromise } from '../domain/feed.ts';
import { maxJsonSize, measureJsonSize } from '../domain/json-size.ts';
import { createTooLargeError, findBudget, ResponseBudget, runWithBudget } from '../domain/response-budget.ts';
import { toGraphQLError } from './graphql-errors.ts';

/** The estimated bytes of an error, not counting its message and path. */
const ERROR_BYTES = 300;
/** The maximum number of parts in an error. */
export const MAX_PARTS = 5;

/**
 * Limits the response of an execution to `limit` bytes of JSON. The execution of a larger response stops early, and its
 * result is an error without data.
 */
export function limitResponse(
  limit: number,
  execute: () => MaybePromise<ExecutionResult>,
): MaybePromise<ExecutionResult> {
  const budget = new ResponseBudget(limit, findBudget());
  const result = runWithBudget(budget, execute);
  return result instanceof Promise
    ? result.then((settled) => finishResponse(budget, settled)).finally(() => budget.close())
    : finishResponse(budget, result);
}

function finishResponse(budget: ResponseBudget, result: ExecutionResult): ExecutionResult {
  const excess = budget.limitError ?? findExcess(result, budget.limit);
  budget.close();
  return excess === undefined ? result : { errors: [toGraphQLError(excess)] };
}

function findExcess({ data, errors = [] }: ExecutionResult, limit: number): QueryTooComplexError | undefined {
  let remaining = limit;
  for (const { message, path = [] } of errors) remaining -= ERROR_BYTES + measureJsonSize([message, path], limit);
  // A response that fits even if every character has its longest encoding needs no exact count.
  if (remaining >= 0 && maxJsonSize(data, remaining) <= remaining) return undefined;
  const parts: CostPart[] = [];
  let bytes = limit - remaining;
  for (const field in data) {
    const cost = measureJsonSize(field, limit) + 2 + measureJsonSize(data[field], limit - bytes);
    parts.push({ path: [field], cost });
    bytes += cost;
    if (bytes > limit) break;
  }
  return bytes > limit ? createTooLargeError(bytes, limit, listMostExpensive(parts)) : undefined;
}

/** The few most expensive parts, largest first. */
export function listMostExpensive(parts: readonly CostPart[]): CostPart[] {
  return parts
    .toSorted((a, b) => b.cost - a.cost)
    .slice(0, MAX_PARTS)
    .map(({ path, cost }) => ({ path: path.map((name) => name.slice(0, MAX_NAME_CHARS)), cost }));
}

/** The maximum length of a reported name, because an alias may be as long as the document. */
const MAX_NAME_CHARS = 100;
