import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { type Comparison, compareRequests } from './compare.ts';
import type { Score } from './conductor.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { CROWD, costPerToken, deliver, FAST, PACED, type Side, STREAMS, type TokenCost, takeTurns } from './deliver.ts';
import { assertNoFailedRequests, startGateway } from './gateway.ts';
import { DASHBOARD, shotOf } from './queries.ts';
import { createScaleStack, type ScaleStack } from './scale-stack.ts';
import type { Server } from './server.ts';
import type { Delivery } from './token-load.ts';

/** A gateway on SQLite and memory, one on Postgres and Redis, and a second one on the latter. */
interface Gateways {
  readonly single: { readonly server: Server; readonly account: BenchAccount };
  readonly scaled: { readonly server: Server; readonly account: BenchAccount };
  readonly second: Server;
}

/** The results. For streams: the rounds on Postgres and Redis, then those of the comparison. */
interface Results {
  readonly dashboard: Comparison;
  readonly streams: readonly TokenCost[][];
  readonly crowd: readonly TokenCost[][];
  readonly nodes: readonly Delivery[][];
}

/** The results without a Postgres and a Redis. */
const NO_RESULTS: Results = {
  dashboard: { size: '18.1 kB', gateway: [], floor: [] },
  streams: [],
  crowd: [],
  nodes: [],
};

/** The rate of G5, for long enough that each reply in progress is saved a few times. */
const CROWDED: Score = { tokens: 300, perSecond: 100 };

/**
 * The cost of running on Postgres and Redis, which gateways can share. The floor is the same gateway on SQLite and
 * memory. There is no goal.
 */
export const scale: Benchmark = {
  name: 'scale',
  async run(bench) {
    const stack = await createScaleStack().catch((error: Error) => bench.note(`scale: not measured. ${error.message}`));
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
    const result = await work({ single, scaled, second: await start({ settings }) });
    for (const server of opened) await assertNoFailedRequests(server);
    return result;
  } finally {
    for (const server of opened) await server.close();
    await rm(dir, { recursive: true });
  }
}

async function measure(bench: Bench, { cpu }: ScaleStack, { single, scaled, second }: Gateways): Promise<Results> {
  const kind = 'messageStream';
  const sides: Side[] = [
    { kind, ...scaled, behind: cpu },
    { kind, ...single },
  ];
  const crowds = sides.map((side): Side => ({ ...side, ...CROWD }));
  const nodes: Side[] = [
    { kind, ...scaled, reader: second },
    { kind, ...scaled },
  ];
  return {
    // Measured first, while both databases have the same content.
    dashboard: await compareRequests(
      bench,
      'dashboard query, Postgres + Redis',
      { server: scaled.server, shot: shotOf(scaled.server, scaled.account, DASHBOARD, {}), behind: cpu },
      { server: single.server, shot: shotOf(single.server, single.account, DASHBOARD, {}) },
    ),
    streams: await takeTurns(bench, sides, (side) => costPerToken(side, FAST)),
    crowd: await takeTurns(bench, crowds, (side) => costPerToken(side, CROWDED)),
    nodes: await takeTurns(bench, nodes, (side) => deliver(side, PACED)),
  };
}

function toFigures({ dashboard, streams, crowd, nodes }: Results): Figure[] {
  const [stack, fast] = ['Postgres + Redis', `${STREAMS} streams × ${FAST.perSecond} tokens/s`];
  const crowded = `${CROWD.streams} streams × ${CROWDED.perSecond} tokens/s`;
  const query = `dashboard query, ${dashboard.size}`;
  return [
    {
      what: `${stack}: ${query}`,
      unit: 'µs',
      gateway: dashboard.gateway.map(({ server }) => server),
      floor: dashboard.floor.map(({ server }) => server),
    },
    {
      what: `${stack} themselves: ${query}`,
      unit: 'µs',
      gateway: definedOf(dashboard.gateway.map(({ behind }) => behind)),
    },
    ...tokenFigures(`token, ${fast}`, streams),
    ...tokenFigures(`token, ${crowded}`, crowd),
    { what: `${stack}: late, ${crowded}`, unit: '%', ...halves(crowd, ({ late, tokens }) => (100 * late) / tokens) },
    { what: `${stack}: lag, ${crowded}`, unit: 'µs', ...halves(crowd, ({ medianLag }) => medianLag) },
    {
      what: `${stack}: lag, ${STREAMS} streams × ${PACED.perSecond} tokens/s, read on another node; floor: on the same`,
      unit: 'µs',
      ...halves(nodes, ({ medianLag }) => medianLag),
    },
  ];

  function tokenFigures(what: string, costs: readonly TokenCost[][]): Figure[] {
    const { gateway: behind } = halves(costs, ({ costBehind }) => costBehind);
    return [
      { what: `${stack}: ${what}`, unit: 'µs', ...halves(costs, ({ cost }) => cost) },
      { what: `${stack} themselves: ${what}`, unit: 'µs', gateway: behind },
    ];
  }
}

function halves<T>([gateway = [], floor = []]: readonly T[][], pick: (result: T) => number | undefined) {
  return { gateway: definedOf(gateway.map(pick)), floor: definedOf(floor.map(pick)) };
}

const definedOf = (values: readonly (number | undefined)[]): number[] => values.filter((value) => value !== undefined);
