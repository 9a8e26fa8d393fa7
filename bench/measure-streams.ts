import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BenchContext } from './benchmark.ts';
import { type CpuClock, type CpuCost, startCpuMeter, waitUntilIdle } from './cpu.ts';
import { CORES, pin, type Server } from './server.ts';
import type { TokenRate } from './token-generator.ts';
import type { LoadOptions, StreamResult } from './token-load.ts';

/** One of the compared setups: a server, and how the load follows its streams. */
export interface StreamSetup
  extends Pick<LoadOptions, 'kind' | 'account' | 'sharedReplyQuery' | 'perSocket' | 'startUrl'> {
  /** The server that writes the streams, and serves them to the load unless there is a `reader`. */
  readonly server: Server;
  readonly reader?: Server;
  /** The CPU time of other processes that work for the server. */
  readonly backendCpu?: CpuClock | undefined;
  /** The number of streams; `DEFAULT_STREAMS` if absent. */
  readonly streams?: number;
}

/** The default number of streams. */
export const DEFAULT_STREAMS = 100;
/** Nearly the maximum rate that the baseline of tokens can deliver. */
export const NEAR_MAX_RATE: TokenRate = { tokens: 800, perSecond: 400 };
/** A light load. */
export const LIGHT_RATE: TokenRate = { tokens: 100, perSecond: 50 };
/** More streams than the 100 sockets that a key may have. */
export const MANY_STREAMS = { streams: 1_000, perSocket: 10 } as const;

/** Measures the setups alternately, in reverse order in every other round. Returns the results by setup and round. */
export async function measureAlternately<T extends StreamResult>(
  bench: BenchContext,
  setups: readonly StreamSetup[],
  measure: (setup: StreamSetup) => Promise<T>,
): Promise<T[][]> {
  const results = setups.map((): T[] => []);
  // Round 0 warms up.
  for (let round = 0; round <= bench.rounds; round++) {
    const isCounted = round > 0;
    const order = [...setups.entries()];
    for (const [i, setup] of round % 2 === 0 ? order.reverse() : order) {
      const result = await measure(setup);
      const { tokens, events, medianLag } = result;
      const progress = isCounted ? `round ${round} of ${bench.rounds}` : 'warming up';
      const name = `${setup.kind} ${setup.sharedReplyQuery ?? ''}`;
      const lag = medianLag.toFixed(0);
      bench.logProgress(`${name}: ${progress}, ${tokens} tokens in ${events} events, lag ${lag} µs`);
      if (isCounted) results[i]?.push(result);
    }
  }
  return results;
}

/** The received tokens, and the CPU time per token. */
export interface TokenCost extends StreamResult {
  /** The server's CPU time per token, in microseconds. */
  readonly cost: number;
  /** The CPU time per token of other processes that work for the server; `undefined` if it is unknown. */
  readonly backendCost: number | undefined;
}

/** Runs the load until its streams end, and measures the CPU time per token. */
export async function costPerToken(setup: StreamSetup, rate: TokenRate): Promise<TokenCost> {
  let stopCpuMeter = async (): Promise<CpuCost> => ({ server: 0, backend: undefined });
  const result = await followStreams(setup, rate, async () => {
    stopCpuMeter = await startCpuMeter(setup.server.cpu, setup.backendCpu);
  });
  const cost = await stopCpuMeter();
  const perToken = (total: number) => total / result.tokens;
  return { ...result, cost: perToken(cost.server), backendCost: cost.backend && perToken(cost.backend) };
}

/** Runs the load until its streams end. @param onFollowed called when all streams are followed, before they start. */
export async function followStreams(
  { server, reader, backendCpu: _, streams = DEFAULT_STREAMS, ...options }: StreamSetup,
  rate: TokenRate,
  onFollowed: () => Promise<void> = () => waitUntilIdle(server.cpu),
): Promise<StreamResult> {
  const loadOptions: LoadOptions = { ...options, url: server.url, readUrl: reader?.url ?? server.url, streams, rate };
  const script = fileURLToPath(new URL('token-load.ts', import.meta.url));
  const [command, commandArgs] = pin(CORES.load, process.execPath, [script, JSON.stringify(loadOptions)]);
  const load = spawn(command, commandArgs, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    await nextMessage(load);
    await onFollowed();
    load.send('start');
    return (await nextMessage(load)) as StreamResult;
  } finally {
    load.kill();
  }
}

const TIMEOUT_MS = 60_000;

/** @throws when the load process exits, or sends no message for a minute. */
async function nextMessage(load: ChildProcess): Promise<unknown> {
  const waitEnd = new AbortController();
  const signal = AbortSignal.any([waitEnd.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const failure = once(load, 'exit', { signal }).then(() => {
    throw new Error('The load process exited before it reported a result.');
  });
  try {
    const [message] = await Promise.race([once(load, 'message', { signal }), failure]);
    return message;
  } finally {
    failure.catch(() => {});
    waitEnd.abort();
  }
}
