import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext, Benchmark, Figure } from './benchmark.ts';
import { fillDatabase } from './data.ts';
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
import { type Server, startServer } from './server.ts';
import type { TokenRate } from './token-generator.ts';

/** A server, and the account that the load uses. */
type ServerWithAccount = Pick<StreamSetup, 'server' | 'account'>;

interface Servers {
  readonly gateway: ServerWithAccount;
  readonly baseline: ServerWithAccount;
}

type Settings = Readonly<Record<string, string>>;

/** Each token is sent when the previous token is on its way, so that it is a separate event. */
const ONE_BY_ONE: TokenRate = { tokens: 300, perSecond: 0 };
const MANY_STREAMS_RATE: TokenRate = { tokens: 500, perSecond: 100 };

/**
 * G4: tokens over graphql-ws, compared with server-sent events. The first measurement uses a high rate. In the second,
 * each token is a separate event, which shows the cost of an event. The goal applies to the first measurement: under
 * load, the gateway should send fewer and larger events.
 */
export const tokens: Benchmark = {
  name: 'tokens',
  run: (bench) =>
    withServers(async ({ gateway, baseline }) => {
      const setups: StreamSetup[] = [
        { kind: 'sse', ...baseline },
        { kind: 'messageStream', ...gateway },
        { kind: 'conversationEvents', ...gateway },
      ];
      return [
        ...(await compareWithSse(bench, setups, (setup) => costPerToken(setup, NEAR_MAX_RATE))),
        ...(await compareWithSse(bench, setups, (setup) => costPerToken(setup, ONE_BY_ONE))),
      ];
    }),
};

/** Measures the setups; the first one is the baseline of the others. */
async function compareWithSse(
  bench: BenchContext,
  setups: readonly StreamSetup[],
  measure: (setup: StreamSetup) => Promise<TokenCost>,
): Promise<Figure[]> {
  const [baseline = [], ...gatewayResults] = await measureAlternately(bench, setups, measure);
  return gatewayResults.map((results, i): Figure => {
    const perEvent = sum(results.map(({ tokens }) => tokens)) / sum(results.map(({ events }) => events));
    return {
      goal: 'G4',
      quantity: `token, ${setups[i + 1]?.kind}, ${perEvent.toFixed(1)} per event`,
      unit: 'µs',
      gateway: results.map(({ cost }) => cost),
      baseline: baseline.map(({ cost }) => cost),
      target: 2,
    };
  });
}

/** G6: the lag of a token under a light load, compared with graphql-ws over bare graphql-js. */
export const lag: Benchmark = {
  name: 'lag',
  run: (bench) =>
    withServers(async ({ gateway, baseline }) => {
      const setups: StreamSetup[] = [
        { kind: 'graphql-ws', ...baseline },
        { kind: 'messageStream', ...gateway },
      ];
      const results = await measureAlternately(bench, setups, (setup) => followStreams(setup, LIGHT_RATE));
      const [baselineLags = [], gatewayLags = []] = results.map((rounds) => rounds.map(({ medianLag }) => medianLag));
      const quantity = `lag, ${DEFAULT_STREAMS} streams × ${LIGHT_RATE.perSecond} tokens/s`;
      return [{ goal: 'G6', quantity, unit: 'µs', gateway: gatewayLags, baseline: baselineLags, target: 1.2 }];
    }),
};

/** G5: the share of late tokens, and the lag, at more tokens per second than one core can send one by one. */
export const crowd: Benchmark = {
  name: 'crowd',
  run: (bench) =>
    withServers(async ({ gateway, baseline }) => {
      const setups: StreamSetup[] = [
        { kind: 'sse', ...baseline, streams: MANY_STREAMS.streams },
        { kind: 'messageStream', ...gateway, ...MANY_STREAMS },
      ];
      const [baselineResults = [], results = []] = await measureAlternately(bench, setups, (setup) =>
        followStreams(setup, MANY_STREAMS_RATE),
      );
      const load = `${MANY_STREAMS.streams} streams × ${MANY_STREAMS_RATE.perSecond} tokens/s`;
      return [
        {
          goal: 'G5',
          quantity: `late tokens, ${load}`,
          unit: '%',
          gateway: results.map(({ late, tokens }) => (100 * late) / tokens),
          target: 10,
        },
        {
          goal: 'G5',
          quantity: `lag, ${load}`,
          unit: 'µs',
          gateway: results.map(({ medianLag }) => medianLag),
          baseline: baselineResults.map(({ medianLag }) => medianLag),
          target: 3,
        },
      ];
    }),
};

/**
 * G9: one reply for many subscribers with the same query, which share an execution. The baseline is as many subscribers
 * with different queries, each with its own execution: by graphql-js, as in most servers, and compiled.
 */
export const audience: Benchmark = {
  name: 'audience',
  run: (bench) =>
    withServers(({ gateway }) =>
      withServers(
        async ({ gateway: gatewayWithoutJit }) => {
          const setups: StreamSetup[] = [
            { kind: 'messageStream', ...gatewayWithoutJit, sharedReplyQuery: 'distinct' },
            { kind: 'messageStream', ...gateway, sharedReplyQuery: 'distinct' },
            { kind: 'messageStream', ...gateway, sharedReplyQuery: 'same' },
          ];
          const results = await measureAlternately(bench, setups, (setup) => costPerToken(setup, ONE_BY_ONE));
          const costs = results.map((rounds) => rounds.map(({ cost }) => cost));
          const [byGraphqlJs = [], compiled = [], sameQuery = []] = costs;
          const subscribers = `${DEFAULT_STREAMS} subscribers with the same query`;
          const quantity = `delivery of a token to ${subscribers}; baseline: one execution each`;
          const figure = { goal: 'G9', unit: 'µs', gateway: sameQuery, target: 0.4 } as const;
          return [
            { ...figure, quantity: `${quantity}, by graphql-js`, baseline: byGraphqlJs },
            { ...figure, quantity: `${quantity}, compiled`, baseline: compiled },
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
    const logPath = join(dir, 'baseline.log');
    const baseline = await startServer({ script: 'bench/token-baseline.ts', env: {}, logPath });
    opened.push(baseline);
    const result = await work({ gateway: { server: gateway, account }, baseline: { server: baseline, account } });
    await assertNoFailedRequests(gateway);
    return result;
  } finally {
    for (const server of opened) await server.close();
    await rm(dir, { recursive: true });
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
