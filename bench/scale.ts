import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext, Benchmark, Figure } from './benchmark.ts';
import { type Comparison, compareRequests } from './compare.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { assertNoFailedRequests, startGateway } from './gateway.ts';
import {
  costPerToken,
  DEFAULT_STREAMS,
  followStreams,
  LIGHT_RATE,
  MANY_STREAMS,
  measureAlternately,
  NEAR_MAX_RATE,
  type StreamSetup,
  type TokenCost,
} from './measure-streams.ts';
import { createRequest, DASHBOARD } from './queries.ts';
import { createScaleStack, type ScaleStack } from './scale-stack.ts';
import type { Server } from './server.ts';
import type { TokenRate } from './token-generator.ts';
import type { StreamResult } from './token-load.ts';

/** A gateway on SQLite and memory, and two gateways that share a Postgres and a Redis. */
interface Gateways {
  readonly single: { readonly server: Server; readonly account: BenchAccount };
  readonly scaled: { readonly server: Server; readonly account: BenchAccount };
  readonly otherNode: Server;
}

/** The results. Each list has the rounds of the measured setup, then the rounds of its baseline. */
interface Results {
  readonly dashboard: Comparison;
  readonly streams: readonly TokenCost[][];
  readonly manyStreams: readonly TokenCost[][];
  /** Streams that are read on the other node; the baseline reads them on the node that writes them. */
  readonly otherNodeReads: readonly StreamResult[][];
}

/** The results if Postgres or Redis does not respond. The size is a part of the name of a row in `RESULTS.md`. */
const NO_RESULTS: Results = {
  dashboard: { size: '18.1 kB', gateway: [], baseline: [] },
  streams: [],
  manyStreams: [],
  otherNodeReads: [],
};

/** The rate of G5, for long enough that each reply in progress is saved a few times. */
const MANY_STREAMS_RATE: TokenRate = { tokens: 300, perSecond: 100 };

/**
 * The cost of running on Postgres and Redis, which gateways can share. The baseline is the same gateway on SQLite and
 * memory. There is no goal.
 */
export const scale: Benchmark = {
  name: 'scale',
  async run(bench) {
    const stack = await createScaleStack().catch((error: Error) => {
      bench.logProgress(`scale: not measured. ${error.message}`);
    });
    if (!stack) return toFigures(NO_RESULTS);
    try {
      return toFigures(await withGateways(stack, (gateways) => measure(bench, stack, gateways)));
    } finally {
      await stack.drop();
    }
  },
};

async function withGateways<T>({ settings }: ScaleStack, work: (gateways: Gateways) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
  const opened: Server[] = [];
  const start = async (options?: { settings: ScaleStack['settings'] }) => {
    const server = await startGateway(dir, 'bench/token-gateway.ts', options);
    opened.push(server);
    return server;
  };
  try {
    const singleAccount = await fillDatabase(`sqlite:${join(dir, 'chatgraph.db')}`);
    const scaledAccount = await fillDatabase(settings.DATABASE_URL);
    const single = { server: await start(), account: singleAccount };
    const scaled = { server: await start({ settings }), account: scaledAccount };
    const result = await work({ single, scaled, otherNode: await start({ settings }) });
    for (const server of opened) await assertNoFailedRequests(server);
    return result;
  } finally {
    for (const server of opened) await server.close();
    await rm(dir, { recursive: true });
  }
}

async function measure(
  bench: BenchContext,
  { cpu }: ScaleStack,
  { single, scaled, otherNode }: Gateways,
): Promise<Results> {
  const kind = 'messageStream';
  const setups: StreamSetup[] = [
    { kind, ...scaled, backendCpu: cpu },
    { kind, ...single },
  ];
  const manyStreamSetups = setups.map((setup): StreamSetup => ({ ...setup, ...MANY_STREAMS }));
  const otherNodeSetups: StreamSetup[] = [
    { kind, ...scaled, reader: otherNode },
    { kind, ...scaled },
  ];
  return {
    // Measured first, while both databases have the same content.
    dashboard: await compareRequests(
      bench,
      'dashboard query, Postgres + Redis',
      { server: scaled.server, request: createRequest(scaled.server, scaled.account, DASHBOARD, {}), backendCpu: cpu },
      { server: single.server, request: createRequest(single.server, single.account, DASHBOARD, {}) },
    ),
    streams: await measureAlternately(bench, setups, (setup) => costPerToken(setup, NEAR_MAX_RATE)),
    manyStreams: await measureAlternately(bench, manyStreamSetups, (setup) => costPerToken(setup, MANY_STREAMS_RATE)),
    otherNodeReads: await measureAlternately(bench, otherNodeSetups, (setup) => followStreams(setup, LIGHT_RATE)),
  };
}

function toFigures({ dashboard, streams, manyStreams, otherNodeReads }: Results): Figure[] {
  const stack = 'Postgres + Redis';
  const nearMaxLoad = `${DEFAULT_STREAMS} streams × ${NEAR_MAX_RATE.perSecond} tokens/s`;
  const lightLoad = `${DEFAULT_STREAMS} streams × ${LIGHT_RATE.perSecond} tokens/s`;
  const manyStreamsLoad = `${MANY_STREAMS.streams} streams × ${MANY_STREAMS_RATE.perSecond} tokens/s`;
  const query = `dashboard query, ${dashboard.size}`;
  return [
    {
      quantity: `${stack}: ${query}`,
      unit: 'µs',
      gateway: dashboard.gateway.map(({ server }) => server),
      baseline: dashboard.baseline.map(({ server }) => server),
    },
    {
      quantity: `${stack} themselves: ${query}`,
      unit: 'µs',
      gateway: definedOf(dashboard.gateway.map(({ backend }) => backend)),
    },
    ...tokenFigures(`token, ${nearMaxLoad}`, streams),
    ...tokenFigures(`token, ${manyStreamsLoad}`, manyStreams),
    {
      quantity: `${stack}: late tokens, ${manyStreamsLoad}`,
      unit: '%',
      ...splitResults(manyStreams, ({ late, tokens }) => (100 * late) / tokens),
    },
    {
      quantity: `${stack}: lag, ${manyStreamsLoad}`,
      unit: 'µs',
      ...splitResults(manyStreams, ({ medianLag }) => medianLag),
    },
    {
      quantity: `${stack}: lag, ${lightLoad}, read on another node; baseline: on the same node`,
      unit: 'µs',
      ...splitResults(otherNodeReads, ({ medianLag }) => medianLag),
    },
  ];

  function tokenFigures(name: string, costs: readonly TokenCost[][]): Figure[] {
    const { gateway: backendCosts } = splitResults(costs, ({ backendCost }) => backendCost);
    return [
      { quantity: `${stack}: ${name}`, unit: 'µs', ...splitResults(costs, ({ cost }) => cost) },
      { quantity: `${stack} themselves: ${name}`, unit: 'µs', gateway: backendCosts },
    ];
  }
}

function splitResults<T>([gateway = [], baseline = []]: readonly T[][], pick: (result: T) => number | undefined) {
  return { gateway: definedOf(gateway.map(pick)), baseline: definedOf(baseline.map(pick)) };
}

const definedOf = (values: readonly (number | undefined)[]): number[] => values.filter((value) => value !== undefined);
