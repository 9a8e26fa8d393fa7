import { type ExecutionArgs, type ExecutionResult, getOperationAST } from 'graphql';
import type { Gauge } from 'prom-client';
import type { GraphContext } from '../../schema/context.ts';
import type { Deps } from '../deps.ts';
import { OperationTimeoutError } from '../domain/errors.ts';
import type { MaybePromise } from '../domain/feed.ts';
import type { Executor } from './executor.ts';

/** The maximum number of queries that run at the same time, per API key and in total. */
const MAX_PER_CLIENT = 8;
const MAX_RUNNING = 32;
/** The maximum time during which queries start before the event loop handles sockets and timers again. */
const START_WINDOW_MS = 20;
const MAX_WAIT_MS = 15_000;

/** A query that waits for its start. */
interface WaitingQuery {
  readonly waitingSince: number;
  readonly signal: AbortSignal | undefined;
  /** Ends the wait: the query has started, or its client has disconnected. */
  endWait(hasStarted: boolean): void;
  refuse(error: Error): void;
}

/**
 * Limits the CPU time and memory that the queries of one process use at the same time. A large query computes for a
 * tenth of a second without a pause. Meanwhile other queries wait: first in, first out per key, and round-robin between
 * keys. Between two queries, the process handles its other events. A small query waits only while a large one runs or
 * the limits are reached. Mutations and events never wait: the rate limit and the number of streams limit them.
 *
 * A query that has waited 15 seconds fails with an `OperationTimeoutError`. All queries without a key share the limit
 * of one key.
 */
export function queueQueries(executor: Executor, { metrics }: Pick<Deps, 'metrics'>): Executor {
  const queue = createQueue(metrics.waitingQueries);

  async function run(
    { viewer, signal }: Partial<GraphContext>,
    execute: () => MaybePromise<ExecutionResult>,
  ): Promise<ExecutionResult> {
    const client = viewer?.credentialId ?? '';
    const hasStarted = queue.tryStart(client) || (await queue.wait(client, signal));
    // The client has disconnected, so nobody receives the result.
    if (!hasStarted) return {};
    try {
      return await execute();
    } finally {
      queue.finish(client);
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

/** Creates the queue; it keeps the gauge `waitingCount` at the number of waiting queries. */
function createQueue(waitingCount: Gauge<string>) {
  const slots = createSlots();
  // The waiting queries by key. The keys are in rotation order.
  const waiting = new Map<string, WaitingQuery[]>();
  let windowStartedAt: number | undefined;

  /** Opens a window in which queries may start at once. The next turn of the event loop closes it. */
  function openWindow(): void {
    if (windowStartedAt !== undefined) return;
    windowStartedAt = performance.now();
    setImmediate(startNext);
  }

  /** Starts the next waiting query, at most one per turn of the event loop. */
  function startNext(): void {
    windowStartedAt = undefined;
    for (const [client, queries] of waiting) {
      if (!slots.hasFree(client)) continue;
      const next = dequeueNext(client, queries);
      if (next === undefined) continue;
      openWindow();
      slots.acquire(client);
      next.endWait(true);
      return;
    }
  }

  /** Removes and returns a key's first query that is not abandoned, and moves the key to the end of the rotation. */
  function dequeueNext(client: string, queries: WaitingQuery[]): WaitingQuery | undefined {
    let next: WaitingQuery | undefined;
    do {
      next = queries.shift();
      if (next !== undefined) waitingCount.dec();
    } while (next !== undefined && endIfAbandoned(next));
    waiting.delete(client);
    if (queries.length > 0) waiting.set(client, queries);
    return next;
  }

  return {
    /** Starts a query at once; returns false if it has to wait. */
    tryStart(client: string): boolean {
      const isWindowOver = windowStartedAt !== undefined && performance.now() - windowStartedAt >= START_WINDOW_MS;
      if (isWindowOver || waiting.has(client) || !slots.hasFree(client)) return false;
      openWindow();
      slots.acquire(client);
      return true;
    },

    /** Resolves with true when the query has started, with false when its client has disconnected. */
    wait(client: string, signal: AbortSignal | undefined): Promise<boolean> {
      return new Promise((resolve, reject) => {
        const queries = waiting.get(client) ?? [];
        waiting.set(client, queries);
        queries.push({ waitingSince: performance.now(), signal, endWait: resolve, refuse: reject });
        waitingCount.inc();
        openWindow();
      });
    },

    finish(client: string): void {
      slots.release(client);
      if (waiting.size > 0) openWindow();
    },
  };
}

/** Counts the running queries. */
function createSlots() {
  const runningByClient = new Map<string, number>();
  let total = 0;
  return {
    hasFree: (client: string) => total < MAX_RUNNING && (runningByClient.get(client) ?? 0) < MAX_PER_CLIENT,

    acquire(client: string): void {
      total++;
      runningByClient.set(client, (runningByClient.get(client) ?? 0) + 1);
    },

    release(client: string): void {
      total--;
      const remaining = (runningByClient.get(client) ?? 1) - 1;
      if (remaining > 0) runningByClient.set(client, remaining);
      else runningByClient.delete(client);
    },
  };
}

/** Ends the wait of a query that is cancelled or has waited too long; returns whether it did. */
function endIfAbandoned({ waitingSince, signal, endWait, refuse }: WaitingQuery): boolean {
  if (signal?.aborted) endWait(false);
  else if (performance.now() - waitingSince > MAX_WAIT_MS) refuse(new OperationTimeoutError());
  else return false;
  return true;
}

const isQuery = ({ document, operationName }: ExecutionArgs): boolean =>
  getOperationAST(document, operationName)?.operation === 'query';
