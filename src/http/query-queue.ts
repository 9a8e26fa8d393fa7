import { type ExecutionArgs, type ExecutionResult, getOperationAST } from 'graphql';
import type { Gauge } from 'prom-client';
import type { GraphContext } from '../../schema/context.ts';
import type { Deps } from '../deps.ts';
import { OperationTimeoutError } from '../domain/errors.ts';
import type { MaybePromise } from '../domain/feed.ts';
import type { Executor } from './executor.ts';

/** The number of queries that may run at the same time: of one key, and of all. */
const MAX_PER_CLIENT = 8;
const MAX_RUNNING = 32;
/** How long queries may compute before sockets and timers have their turn. */
const TURN_MS = 20;
const MAX_WAIT_MS = 15_000;

/** A query that waits for its start. */
interface Waiting {
  readonly since: number;
  readonly signal: AbortSignal | undefined;
  /** Ends the wait: the query has begun, or nobody wants its result. */
  end(hasBegun: boolean): void;
  refuse(error: Error): void;
}

/**
 * Limits what the queries of one process compute and hold in memory at the same time. A large query computes for a tenth
 * of a second without a pause: the others wait, in their order, those of different keys in turns, and between any two
 * the process responds to whatever else has arrived. Small queries never wait where nothing large runs. Mutations and
 * events never wait: the rate limit and the number of streams limit them.
 *
 * A query that has waited 15 seconds fails with an `OperationTimeoutError`. All queries without a key count as one key's.
 */
export function queueQueries(executor: Executor, { metrics }: Pick<Deps, 'metrics'>): Executor {
  const queue = createQueue(metrics.waitingQueries);

  async function run(
    { viewer, signal }: Partial<GraphContext>,
    execute: () => MaybePromise<ExecutionResult>,
  ): Promise<ExecutionResult> {
    const client = viewer?.apiKeyId ?? '';
    const hasBegun = queue.tryBegin(client) || (await queue.wait(client, signal));
    // Its client has left, so nobody receives a result.
    if (!hasBegun) return {};
    try {
      return await execute();
    } finally {
      queue.end(client);
    }
  }

  return {
    ...executor,
    execute(args) {
      const execute = () => executor.execute(args);
      return isQuery(args) ? run((args.contextValue ?? {}) as Partial<GraphContext>, execute) : execute();
    },
  };
}

/** Creates the queue; `waitingCount` is kept at the number of waiting queries. */
function createQueue(waitingCount: Gauge<string>) {
  const places = createPlaces();
  // Keys in the order of their turns.
  const waiting = new Map<string, Waiting[]>();
  let turnStartedAt: number | undefined;

  function beginTurn(): void {
    if (turnStartedAt !== undefined) return;
    turnStartedAt = performance.now();
    setImmediate(endTurn);
  }

  /** Starts one waiting query, in a turn of its own. */
  function endTurn(): void {
    turnStartedAt = undefined;
    for (const [client, queries] of waiting) {
      if (!places.hasFree(client)) continue;
      const next = takeNext(client, queries);
      if (next === undefined) continue;
      beginTurn();
      places.take(client);
      next.end(true);
      return;
    }
  }

  /** Takes a client's first query that somebody still waits for; the next turn is another client's. */
  function takeNext(client: string, queries: Waiting[]): Waiting | undefined {
    let next: Waiting | undefined;
    do {
      next = queries.shift();
      if (next !== undefined) waitingCount.dec();
    } while (next !== undefined && !isWanted(next));
    waiting.delete(client);
    if (queries.length > 0) waiting.set(client, queries);
    return next;
  }

  return {
    /** Begins a query at once; false where it has to wait. */
    tryBegin(client: string): boolean {
      const isTurnOver = turnStartedAt !== undefined && performance.now() - turnStartedAt >= TURN_MS;
      if (isTurnOver || waiting.has(client) || !places.hasFree(client)) return false;
      beginTurn();
      places.take(client);
      return true;
    },

    /** Resolves when the query has begun; with false when its client has left. */
    wait(client: string, signal: AbortSignal | undefined): Promise<boolean> {
      return new Promise((resolve, reject) => {
        const queries = waiting.get(client) ?? [];
        waiting.set(client, queries);
        queries.push({ since: performance.now(), signal, end: resolve, refuse: reject });
        waitingCount.inc();
        beginTurn();
      });
    },

    end(client: string): void {
      places.free(client);
      if (waiting.size > 0) beginTurn();
    },
  };
}

/** Counts the running queries. */
function createPlaces() {
  const taken = new Map<string, number>();
  let total = 0;
  return {
    hasFree: (client: string) => total < MAX_RUNNING && (taken.get(client) ?? 0) < MAX_PER_CLIENT,

    take(client: string): void {
      total++;
      taken.set(client, (taken.get(client) ?? 0) + 1);
    },

    free(client: string): void {
      total--;
      const rest = (taken.get(client) ?? 1) - 1;
      if (rest > 0) taken.set(client, rest);
      else taken.delete(client);
    },
  };
}

/** Whether a query can still begin; otherwise ends its wait. */
function isWanted({ since, signal, end, refuse }: Waiting): boolean {
  if (signal?.aborted) end(false);
  else if (performance.now() - since > MAX_WAIT_MS) refuse(new OperationTimeoutError());
  else return true;
  return false;
}

const isQuery = ({ document, operationName }: ExecutionArgs): boolean =>
  getOperationAST(document, operationName)?.operation === 'query';
