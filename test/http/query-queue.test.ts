import { type ExecutionResult, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { queueQueries } from '../../src/http/query-queue.ts';
import { createMetrics } from '../../src/metrics.ts';

const DOCUMENTS = { query: parse('{ __typename }'), mutation: parse('mutation { __typename }') };

/** A queue in front of an executor that calls `run`. */
function createQueue(run: (key: string) => ExecutionResult | Promise<ExecutionResult>) {
  const metrics = createMetrics();
  const started: string[] = [];
  const { execute } = queueQueries(
    {
      execute({ contextValue }) {
        const key = (contextValue as { viewer?: { apiKeyId: string } }).viewer?.apiKeyId ?? 'none';
        started.push(key);
        return run(key);
      },
      subscribe: () => Promise.reject(new Error('No subscription is expected.')),
    },
    { metrics },
  );
  return {
    started,
    send(key: string | undefined, { kind = 'query', signal = new AbortController().signal }: Sent = {}) {
      const viewer = key === undefined ? undefined : { apiKeyId: key };
      return Promise.resolve(execute({ schema, document: DOCUMENTS[kind], contextValue: { viewer, signal } }));
    },
    countWaiting: async () => (await metrics.waitingQueries.get()).values[0]?.value,
  };
}

interface Sent {
  readonly kind?: keyof typeof DOCUMENTS;
  readonly signal?: AbortSignal;
}

/** Computes for longer than a query may before it gives way to others. */
function compute(): ExecutionResult {
  const startedAt = performance.now();
  while (performance.now() - startedAt < 25);
  return {};
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const repeat = <T>(times: number, run: () => T): T[] => Array.from({ length: times }, run);

describe('queries', () => {
  it('run immediately while none has computed for long', async () => {
    const queue = createQueue(() => ({}));
    const all = repeat(50, () => queue.send('one'));
    expect(queue.started).toHaveLength(8);
    await Promise.all(all);
    await Promise.all(repeat(8, () => queue.send('one')));
    expect(queue.started).toHaveLength(58);
  });

  it('of different keys take turns, and the process responds to others in between', async () => {
    const queue = createQueue(compute);
    let turns = 0;
    const count = setInterval(() => turns++, 1);
    await Promise.all([...repeat(6, () => queue.send('one')), ...repeat(6, () => queue.send('two'))]);
    clearInterval(count);
    expect(turns).toBeGreaterThan(6);
    for (const [index] of queue.started.entries()) {
      const ofOne = queue.started.slice(0, index).filter((key) => key === 'one').length;
      expect(Math.abs(2 * ofOne - index)).toBeLessThanOrEqual(2);
    }
    expect(queue.started).toHaveLength(12);
  });

  it('run at most eight per key and 32 in total at the same time; those without a key count as one key', async () => {
    const finished = Promise.withResolvers<ExecutionResult>();
    const queue = createQueue(() => finished.promise);
    const keys = ['one', 'two', 'three', undefined, 'five'];
    const all = keys.flatMap((key) => repeat(10, () => queue.send(key)));
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    expect(queue.started.toSorted()).toEqual(['none', 'one', 'three', 'two'].flatMap((key) => Array(8).fill(key)));
    expect(await queue.countWaiting()).toBe(18);
    finished.resolve({});
    await Promise.all(all);
    expect(queue.started).toHaveLength(50);
    expect(await queue.countWaiting()).toBe(0);
  });

  it('are dropped from the queue when their client disconnects', async () => {
    const queue = createQueue(compute);
    const leaving = new AbortController();
    const running = queue.send('one');
    const waiting = repeat(5, () => queue.send('one', leaving));
    leaving.abort();
    await running;
    expect(await Promise.all(waiting)).toEqual(Array(5).fill({}));
    await queue.send('one');
    expect(queue.started).toEqual(['one', 'one']);
    expect(await queue.countWaiting()).toBe(0);
  });

  it('free their slot when they fail', async () => {
    const queue = createQueue(() => Promise.reject(new Error('for once')));
    const outcomes = await Promise.allSettled(repeat(20, () => queue.send('one')));
    expect(outcomes.map(({ status }) => status)).toEqual(Array(20).fill('rejected'));
    expect(queue.started).toHaveLength(20);
  });
});

it('mutations never wait', async () => {
  const queue = createQueue(compute);
  const queries = repeat(3, () => queue.send('one'));
  const mutation = queue.send('one', { kind: 'mutation' });
  expect(queue.started).toHaveLength(2);
  await Promise.all([...queries, mutation]);
});
