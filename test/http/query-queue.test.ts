import { type ExecutionResult, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { queueQueries } from '../../src/http/query-queue.ts';
import { createMetrics } from '../../src/metrics.ts';

const DOCUMENTS = { query: parse('{ __typename }'), mutation: parse('mutation { __typename }') };

/** A query queue whose executor calls `run` for each operation and records its key in `startedKeys`. */
function createQueue(run: (key: string) => ExecutionResult | Promise<ExecutionResult>) {
  const metrics = createMetrics();
  const startedKeys: string[] = [];
  const { execute } = queueQueries(
    {
      execute({ contextValue }) {
        const key = (contextValue as { viewer?: { credentialId: string } }).viewer?.credentialId ?? 'none';
        startedKeys.push(key);
        return run(key);
      },
      subscribe: () => Promise.reject(new Error('No subscription is expected.')),
    },
    { metrics },
  );
  return {
    startedKeys,
    send(key: string | undefined, { kind = 'query', signal = new AbortController().signal }: SendOptions = {}) {
      const viewer = key === undefined ? undefined : { credentialId: key };
      return Promise.resolve(execute({ schema, document: DOCUMENTS[kind], contextValue: { viewer, signal } }));
    },
    countWaiting: async () => (await metrics.waitingQueries.get()).values[0]?.value,
  };
}

interface SendOptions {
  readonly kind?: keyof typeof DOCUMENTS;
  readonly signal?: AbortSignal;
}

/** Blocks the process for more than 20 ms. After that time, the queue lets other work run before the next query. */
function computeLong(): ExecutionResult {
  const startedAt = performance.now();
  while (performance.now() - startedAt < 25);
  return {};
}

const waitForImmediate = () => new Promise((resolve) => setImmediate(resolve));
const repeat = <T>(times: number, run: () => T): T[] => Array.from({ length: times }, run);

describe('queries', () => {
  it('run immediately if the earlier queries were short, at most eight of a key at the same time', async () => {
    const queue = createQueue(() => ({}));
    const all = repeat(50, () => queue.send('one'));
    expect(queue.startedKeys).toHaveLength(8);
    await Promise.all(all);
    await Promise.all(repeat(8, () => queue.send('one')));
    expect(queue.startedKeys).toHaveLength(58);
  });

  it('of different keys alternate, and timers run in between', async () => {
    const queue = createQueue(computeLong);
    let timerCalls = 0;
    const timer = setInterval(() => timerCalls++, 1);
    await Promise.all([...repeat(6, () => queue.send('one')), ...repeat(6, () => queue.send('two'))]);
    clearInterval(timer);
    expect(timerCalls).toBeGreaterThan(6);
    for (const [index] of queue.startedKeys.entries()) {
      const startedOfOne = queue.startedKeys.slice(0, index).filter((key) => key === 'one').length;
      expect(Math.abs(2 * startedOfOne - index)).toBeLessThanOrEqual(2);
    }
    expect(queue.startedKeys).toHaveLength(12);
  });

  it('run concurrently, at most eight per key and 32 in total; queries without a key count as one key', async () => {
    const finished = Promise.withResolvers<ExecutionResult>();
    const queue = createQueue(() => finished.promise);
    const keys = ['one', 'two', 'three', undefined, 'five'];
    const all = keys.flatMap((key) => repeat(10, () => queue.send(key)));
    for (let turn = 0; turn < 100; turn++) await waitForImmediate();
    expect(queue.startedKeys.toSorted()).toEqual(['none', 'one', 'three', 'two'].flatMap((key) => Array(8).fill(key)));
    expect(await queue.countWaiting()).toBe(18);
    finished.resolve({});
    await Promise.all(all);
    expect(queue.startedKeys).toHaveLength(50);
    expect(await queue.countWaiting()).toBe(0);
  });

  it('are dropped from the queue when their client disconnects', async () => {
    const queue = createQueue(computeLong);
    const disconnect = new AbortController();
    const running = queue.send('one');
    const waiting = repeat(5, () => queue.send('one', disconnect));
    disconnect.abort();
    await running;
    expect(await Promise.all(waiting)).toEqual(Array(5).fill({}));
    await queue.send('one');
    expect(queue.startedKeys).toEqual(['one', 'one']);
    expect(await queue.countWaiting()).toBe(0);
  });

  it('free their slot when they fail', async () => {
    const queue = createQueue(() => Promise.reject(new Error('Every query fails.')));
    const outcomes = await Promise.allSettled(repeat(20, () => queue.send('one')));
    expect(outcomes.map(({ status }) => status)).toEqual(Array(20).fill('rejected'));
    expect(queue.startedKeys).toHaveLength(20);
  });
});

it('mutations never wait', async () => {
  const queue = createQueue(computeLong);
  const queries = repeat(3, () => queue.send('one'));
  const mutation = queue.send('one', { kind: 'mutation' });
  expect(queue.startedKeys).toHaveLength(2);
  await Promise.all([...queries, mutation]);
});
