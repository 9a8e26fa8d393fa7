import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import type { Score } from './conductor.ts';
import { fillDatabase } from './data.ts';
import { CROWD, costPerToken, deliver, FAST, PACED, type Side, STREAMS, type TokenCost, takeTurns } from './deliver.ts';
import { assertNoFailedRequests, startGateway } from './gateway.ts';
import { type Server, startServer } from './server.ts';

/** A server, and the account that the load uses. */
type Asked = Pick<Side, 'server' | 'account'>;

interface Servers {
  readonly gateway: Asked;
  readonly floor: Asked;
}

type Settings = Readonly<Record<string, string>>;

/** Each token is sent when the previous one is on its way, so that it is a separate event. */
const IN_STEP: Score = { tokens: 300, perSecond: 0 };
const CROWDED: Score = { tokens: 500, perSecond: 100 };

/**
 * G4: tokens over graphql-ws, compared with server-sent events: at the rate of a fast model, and then each as a
 * separate event, which shows the cost of an event. The goal is for the first: under load, fewer and larger events are
 * desired.
 */
export const tokens: Benchmark = {
  name: 'tokens',
  run: (bench) =>
    withServers(async ({ gateway, floor }) => {
      const sides: Side[] = [
        { kind: 'sse', ...floor },
        { kind: 'messageStream', ...gateway },
        { kind: 'conversationEvents', ...gateway },
      ];
      return [
        ...(await compareWithSse(bench, sides, (side) => costPerToken(side, FAST))),
        ...(await compareWithSse(bench, sides, (side) => costPerToken(side, IN_STEP))),
      ];
    }),
};

/** Measures the sides; the first one is the floor of the others. */
async function compareWithSse(
  bench: Bench,
  sides: readonly Side[],
  measure: (side: Side) => Promise<TokenCost>,
): Promise<Figure[]> {
  const [floor = [], ...gatewayResults] = await takeTurns(bench, sides, measure);
  return gatewayResults.map((results, i): Figure => {
    const perEvent = sum(results.map(({ tokens }) => tokens)) / sum(results.map(({ events }) => events));
    return {
      goal: 'G4',
      what: `token, ${sides[i + 1]?.kind}, ${perEvent.toFixed(1)} per event`,
      unit: 'µs',
      gateway: results.map(({ cost }) => cost),
      floor: floor.map(({ cost }) => cost),
      target: 2,
    };
  });
}

/** G6: the lag of a token under a light load, compared with graphql-ws over bare graphql-js. */
export const lag: Benchmark = {
  name: 'lag',
  run: (bench) =>
    withServers(async ({ gateway, floor }) => {
      const sides: Side[] = [
        { kind: 'graphql-ws', ...floor },
        { kind: 'messageStream', ...gateway },
      ];
      const results = await takeTurns(bench, sides, (side) => deliver(side, PACED));
      const [floorLags = [], gatewayLags = []] = results.map((side) => side.map(({ medianLag }) => medianLag));
      const what = `lag, ${STREAMS} streams × ${PACED.perSecond} tokens/s`;
      return [{ goal: 'G6', what, unit: 'µs', gateway: gatewayLags, floor: floorLags, target: 1.2 }];
    }),
};

/** G5: more tokens per second than one core can send one by one: the share of late tokens, and the lag. */
export const crowd: Benchmark = {
  name: 'crowd',
  run: (bench) =>
    withServers(async ({ gateway, floor }) => {
      const sides: Side[] = [
        { kind: 'sse', ...floor, streams: CROWD.streams },
        { kind: 'messageStream', ...gateway, ...CROWD },
      ];
      const [floors = [], results = []] = await takeTurns(bench, sides, (side) => deliver(side, CROWDED));
      const what = `${CROWD.streams} streams × ${CROWDED.perSecond} tokens/s`;
      return [
        {
          goal: 'G5',
          what: `late, ${what}`,
          unit: '%',
          gateway: results.map(({ late, tokens }) => (100 * late) / tokens),
          target: 10,
        },
        {
          goal: 'G5',
          what: `lag, ${what}`,
          unit: 'µs',
          gateway: results.map(({ medianLag }) => medianLag),
          floor: floors.map(({ medianLag }) => medianLag),
          target: 3,
        },
      ];
    }),
};

/**
 * G9: one reply for many subscribers with the same query, which share an execution, compared with as many subscribers
 * with different queries, which have one each: executed by graphql-js, as servers usually do, and compiled.
 */
export const audience: Benchmark = {
  name: 'audience',
  run: (bench) =>
    withServers(({ gateway }) =>
      withServers(
        async ({ gateway: plain }) => {
          const sides: Side[] = [
            { kind: 'messageStream', ...plain, audience: 'distinct' },
            { kind: 'messageStream', ...gateway, audience: 'distinct' },
            { kind: 'messageStream', ...gateway, audience: 'alike' },
          ];
          const results = await takeTurns(bench, sides, (side) => costPerToken(side, IN_STEP));
          const [byGraphqlJs = [], compiled = [], alike = []] = results.map((side) => side.map(({ cost }) => cost));
          const what = `delivery of a token to ${STREAMS} subscribers who ask alike; floor: one execution each`;
          const figure = { goal: 'G9', unit: 'µs', gateway: alike, target: 0.4 } as const;
          return [
            { ...figure, what: `${what}, by graphql-js`, floor: byGraphqlJs },
            { ...figure, what: `${what}, compiled`, floor: compiled },
          ];
        },
        { GRAPHQL_JIT: 'false' },
      ),
    ),
};

async function withServers<T>(work: (servers: Servers) => Promise<T>, settings: Settings = {}): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
  const opened: Server[] = [];
  try {
    const account = await fillDatabase(`sqlite:${join(dir, 'chatgraph.db')}`);
    const gateway = await startGateway(dir, 'bench/token-gateway.ts', { settings });
    opened.push(gateway);
    const floor = await startServer({ script: 'bench/token-floor.ts', env: {}, logPath: join(dir, 'floor.log') });
    opened.push(floor);
    const result = await work({ gateway: { server: gateway, account }, floor: { server: floor, account } });
    await assertNoFailedRequests(gateway);
    return result;
  } finally {
    for (const server of opened) await server.close();
    await rm(dir, { recursive: true });
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
