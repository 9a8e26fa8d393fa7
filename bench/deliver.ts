import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Bench } from './benchmark.ts';
import type { Score } from './conductor.ts';
import { type Cost, type CpuClock, settle, startMeter } from './cpu.ts';
import { CORES, pin, type Server } from './server.ts';
import type { Delivery, Order } from './token-load.ts';

/** One way to follow streams. */
export interface Side extends Pick<Order, 'kind' | 'account' | 'audience' | 'perSocket' | 'beginUrl'> {
  /** Where the streams are written, and read where there is no `reader`. */
  readonly server: Server;
  readonly reader?: Server;
  /** What works for the server in other processes. */
  readonly behind?: CpuClock | undefined;
  /** `STREAMS` where absent. */
  readonly streams?: number;
}

/** How many streams are followed as a rule. */
export const STREAMS = 100;
/** Nearly all that the floor of tokens can do. */
export const FAST: Score = { tokens: 800, perSecond: 400 };
/** Little to do. */
export const PACED: Score = { tokens: 100, perSecond: 50 };
/** More streams than a key may have sockets, which are 100. */
export const CROWD = { streams: 1_000, perSocket: 10 } as const;

/** Measures the sides in turns, in every other round backwards. Gives the rounds of each side. */
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

/** What arrived, and the processor time that a token of it took. */
export interface TokenCost extends Delivery {
  /** Of the server, in microseconds. */
  readonly cost: number;
  /** Of what the server has behind it; `undefined` where nobody can tell. */
  readonly costBehind: number | undefined;
}

/** Lets streams be followed to their end, and tells what it cost. */
export async function costPerToken(side: Side, score: Score): Promise<TokenCost> {
  let stop = async (): Promise<Cost> => ({ server: 0, behind: undefined });
  const delivery = await deliver(side, score, async () => {
    stop = await startMeter(side.server.cpu, side.behind);
  });
  const cost = await stop();
  const perToken = (total: number) => total / delivery.tokens;
  return { ...delivery, cost: perToken(cost.server), costBehind: cost.behind && perToken(cost.behind) };
}

/** Lets streams be followed to their end. @param followed is done when all are followed and none has begun. */
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

/** @throws when the load ends or stays silent for a minute. */
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
