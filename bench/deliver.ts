import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Bench } from './benchmark.ts';
import type { Score } from './conductor.ts';
import { type Cost, type CpuClock, settle, startMeter } from './cpu.ts';
import { CORES, pin, type Server } from './server.ts';
import type { Delivery, Order } from './token-load.ts';

/** One of the compared ways to follow streams. */
export interface Side extends Pick<Order, 'kind' | 'account' | 'audience' | 'perSocket' | 'beginUrl'> {
  /** The server that writes the streams, and serves them to the load unless there is a `reader`. */
  readonly server: Server;
  readonly reader?: Server;
  /** The CPU time of other processes that work for the server. */
  readonly behind?: CpuClock | undefined;
  /** The number of streams; `STREAMS` if absent. */
  readonly streams?: number;
}

/** The default number of streams. */
export const STREAMS = 100;
/** Nearly the maximum rate that the floor for tokens can deliver. */
export const FAST: Score = { tokens: 800, perSecond: 400 };
/** A light load. */
export const PACED: Score = { tokens: 100, perSecond: 50 };
/** More streams than the 100 sockets that a key may have. */
export const CROWD = { streams: 1_000, perSocket: 10 } as const;

/** Measures the sides alternately, in reverse order in every other round. Returns the results by side and round. */
export async function takeTurns<T extends Delivery>(
  bench: Bench,
  sides: readonly Side[],
  measure: (side: Side) => Promise<T>,
): Promise<T[][]> {
  const results = sides.map((): T[] => []);
  // Round 0 warms up.
  for (let round = 0; round <= bench.rounds; round++) {
    const isCounted = round > 0;
    const order = [...sides.entries()];
    for (const [i, side] of round % 2 === 0 ? order.reverse() : order) {
      const result = await measure(side);
      const { tokens, events, medianLag } = result;
      const turn = isCounted ? `round ${round} of ${bench.rounds}` : 'warming up';
      bench.note(
        `${side.kind} ${side.audience ?? ''}: ${turn}, ${tokens} tokens in ${events} events, lag ${medianLag.toFixed(0)} µs`,
      );
      if (isCounted) results[i]?.push(result);
    }
  }
  return results;
}

/** The received tokens, and the CPU time per token. */
export interface TokenCost extends Delivery {
  /** The server's CPU time per token, in microseconds. */
  readonly cost: number;
  /** The CPU time per token of other processes that work for the server; `undefined` if it is unknown. */
  readonly costBehind: number | undefined;
}

/** Runs the load until its streams end, and measures the CPU time per token. */
export async function costPerToken(side: Side, score: Score): Promise<TokenCost> {
  let stop = async (): Promise<Cost> => ({ server: 0, behind: undefined });
  const delivery = await deliver(side, score, async () => {
    stop = await startMeter(side.server.cpu, side.behind);
  });
  const cost = await stop();
  const perToken = (total: number) => total / delivery.tokens;
  return { ...delivery, cost: perToken(cost.server), costBehind: cost.behind && perToken(cost.behind) };
}

/** Runs the load until its streams end. @param followed called when all streams are followed, before they begin. */
export async function deliver(
  { server, reader, behind: _, streams = STREAMS, ...side }: Side,
  score: Score,
  followed: () => Promise<void> = () => settle(server.cpu),
): Promise<Delivery> {
  const order: Order = { ...side, url: server.url, readUrl: reader?.url ?? server.url, streams, score };
  const script = fileURLToPath(new URL('token-load.ts', import.meta.url));
  const [command, line] = pin(CORES.load, process.execPath, [script, JSON.stringify(order)]);
  const load = spawn(command, line, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    await nextMessage(load);
    await followed();
    load.send('begin');
    return (await nextMessage(load)) as Delivery;
  } finally {
    load.kill();
  }
}

const TIMEOUT_MS = 60_000;

/** @throws when the load process exits, or sends no message for a minute. */
async function nextMessage(load: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const failure = once(load, 'exit', { signal }).then(() => {
    throw new Error('The load ended before its time.');
  });
  try {
    const [message] = await Promise.race([once(load, 'message', { signal }), failure]);
    return message;
  } finally {
    failure.catch(() => {});
    over.abort();
  }
}
