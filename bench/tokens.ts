import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import type { Score } from './conductor.ts';
import { settle } from './cpu.ts';
import { fillDatabase } from './data.ts';
import { requireNoRefusals, startGateway } from './gateway.ts';
import { CORES, pin, type Server, startServer } from './server.ts';
import type { Delivery, Order } from './token-load.ts';

/** One way to follow streams, on one server. */
interface Side extends Pick<Order, 'kind' | 'account' | 'audience' | 'perSocket'> {
  readonly server: Server;
  /** As many as for the other goals, where absent. */
  readonly streams?: number;
}

/** A server, and who asks it. */
type Asked = Pick<Side, 'server' | 'account'>;

interface Servers {
  readonly gateway: Asked;
  readonly floor: Asked;
}

type Settings = Readonly<Record<string, string>>;

const STREAMS = 100;
/** As fast as the server delivers each by itself. */
const IN_STEP: Score = { tokens: 300, perSecond: 0 };
/** Nearly all that the floor can do. */
const FAST: Score = { tokens: 800, perSecond: 400 };
const PACED: Score = { tokens: 100, perSecond: 50 };
const CROWD = 1_000;
const CROWDED: Score = { tokens: 500, perSecond: 100 };
/** A key may have 100 sockets. */
const PER_SOCKET = 10;

/**
 * G4: tokens over graphql-ws, against server-sent events: as a fast model gives them, and then each as an event of its
 * own, which shows what an event costs. The first is the goal: under load fewer and larger events are what is wanted.
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

/** The first of the sides is the floor of the others. */
async function compareWithSse(
  bench: Bench,
  sides: readonly Side[],
  measure: (side: Side) => Promise<Delivery & { cost: number }>,
): Promise<Figure[]> {
  const [floor = [], ...ours] = await takeTurns(bench, sides, measure);
  return ours.map((results, i): Figure => {
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

/** G6: how long a token takes while there is little to do, against graphql-ws over bare graphql-js. */
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

/** G5: more tokens than one core can send one by one, by the clock: how many come late, and how late all are. */
export const crowd: Benchmark = {
  name: 'crowd',
  run: (bench) =>
    withServers(async ({ gateway, floor }) => {
      const sides: Side[] = [
        { kind: 'sse', ...floor, streams: CROWD },
        { kind: 'messageStream', ...gateway, streams: CROWD, perSocket: PER_SOCKET },
      ];
      const [floors = [], results = []] = await takeTurns(bench, sides, (side) => deliver(side, CROWDED));
      const what = `${CROWD} streams × ${CROWDED.perSecond} tokens/s`;
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
 * G9: one answer to many who ask for the same, against one execution each: of as many who ask in words of their own, by
 * graphql-js as servers do without more ado, and compiled.
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
    await requireNoRefusals(gateway);
    return result;
  } finally {
    for (const server of opened) await server.close();
    await rm(dir, { recursive: true });
  }
}

/** Measures the sides in turns, in every other round backwards. Gives the rounds of each side. */
async function takeTurns<T>(bench: Bench, sides: readonly Side[], measure: (side: Side) => Promise<T & Delivery>) {
  const results = sides.map((): (T & Delivery)[] => []);
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

async function costPerToken(side: Side, score: Score): Promise<Delivery & { cost: number }> {
  const { server } = side;
  let before = 0;
  const delivery = await deliver(side, score, async () => {
    await settle(server.cpu);
    before = await server.cpu.read();
  });
  await settle(server.cpu);
  return { ...delivery, cost: ((await server.cpu.read()) - before) / delivery.tokens };
}

/** Lets streams be followed to their end. @param followed is done when all are followed and none has begun. */
async function deliver(
  { server, streams = STREAMS, ...side }: Side,
  score: Score,
  followed: () => Promise<void> = () => settle(server.cpu),
): Promise<Delivery> {
  const order: Order = { ...side, url: server.url, streams, score };
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

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
