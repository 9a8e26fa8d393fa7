import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import type { Score } from './conductor.ts';
import { settle } from './cpu.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { requireNoRefusals, startGateway } from './gateway.ts';
import { CORES, pin, type Server, startServer } from './server.ts';
import type { Delivery, Order } from './token-load.ts';

/** One way to follow streams, on one server. */
interface Side extends Pick<Order, 'kind' | 'audience' | 'perSocket'> {
  readonly server: Server;
  /** As many as for the other goals, where absent. */
  readonly streams?: number;
}

interface Servers {
  readonly gateway: Server;
  readonly floor: Server;
  readonly account: BenchAccount;
}

const STREAMS = 100;
const FULL_SPEED: Score = { tokens: 300, perSecond: 0 };
const PACED: Score = { tokens: 100, perSecond: 50 };
const CROWD = 1_000;
const CROWDED: Score = { tokens: 500, perSecond: 100 };
/** A key may have 100 sockets. */
const PER_SOCKET = 10;

/** G4: tokens over graphql-ws as fast as they go, each an event of its own, against server-sent events. */
export const tokens: Benchmark = {
  name: 'tokens',
  run: (bench) =>
    withServers(async ({ gateway, floor, account }) => {
      const sides: Side[] = [
        { kind: 'sse', server: floor },
        { kind: 'messageStream', server: gateway },
        { kind: 'conversationEvents', server: gateway },
      ];
      const results = await takeTurns(bench, sides, (side) => costPerToken(side, account));
      const [sse, ...ours] = sides.map(({ kind }, i) => ({ kind, results: results[i] ?? [] }));
      const floorCosts = sse?.results.map(({ cost }) => cost) ?? [];
      return ours.map(({ kind, results }): Figure => {
        const perEvent = sum(results.map(({ tokens }) => tokens)) / sum(results.map(({ events }) => events));
        return {
          goal: 'G4',
          what: `token, ${kind}, ${perEvent.toFixed(2)} per event`,
          unit: 'µs',
          gateway: results.map(({ cost }) => cost),
          floor: floorCosts,
          target: 2,
        };
      });
    }),
};

/** G6: how long a token takes while there is little to do, against graphql-ws over bare graphql-js. */
export const lag: Benchmark = {
  name: 'lag',
  run: (bench) =>
    withServers(async ({ gateway, floor, account }) => {
      const sides: Side[] = [
        { kind: 'graphql-ws', server: floor },
        { kind: 'messageStream', server: gateway },
      ];
      const results = await takeTurns(bench, sides, (side) => deliver(side, account, PACED));
      const [floorLags = [], gatewayLags = []] = results.map((side) => side.map(({ medianLag }) => medianLag));
      const what = `lag, ${STREAMS} streams × ${PACED.perSecond} tokens/s`;
      return [{ goal: 'G6', what, unit: 'µs', gateway: gatewayLags, floor: floorLags, target: 1.2 }];
    }),
};

/** G5: more tokens than one core can send one by one, by the clock: how many come late, and how late all are. */
export const crowd: Benchmark = {
  name: 'crowd',
  run: (bench) =>
    withServers(async ({ gateway, floor, account }) => {
      const sides: Side[] = [
        { kind: 'sse', server: floor, streams: CROWD },
        { kind: 'messageStream', server: gateway, streams: CROWD, perSocket: PER_SOCKET },
      ];
      const [floors = [], results = []] = await takeTurns(bench, sides, (side) => deliver(side, account, CROWDED));
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

/** G9: one answer to many who ask for the same, against as many who each ask in words of their own. */
export const audience: Benchmark = {
  name: 'audience',
  run: (bench) =>
    withServers(async ({ gateway, account }) => {
      const sides: Side[] = [
        { kind: 'messageStream', server: gateway, audience: 'distinct' },
        { kind: 'messageStream', server: gateway, audience: 'alike' },
      ];
      const results = await takeTurns(bench, sides, (side) => costPerToken(side, account));
      const [distinct = [], alike = []] = results.map((side) => side.map(({ cost }) => cost));
      const what = `delivery of a token to ${STREAMS} subscribers who ask alike; floor: each in its own words`;
      return [{ goal: 'G9', what, unit: 'µs', gateway: alike, floor: distinct, target: 0.4 }];
    }),
};

async function withServers<T>(work: (servers: Servers) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
  const opened: Server[] = [];
  try {
    const account = await fillDatabase(`sqlite:${join(dir, 'chatgraph.db')}`);
    const gateway = await startGateway(dir, 'bench/token-gateway.ts');
    opened.push(gateway);
    const floor = await startServer({ script: 'bench/token-floor.ts', env: {}, logPath: join(dir, 'floor.log') });
    opened.push(floor);
    const result = await work({ gateway, floor, account });
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

async function costPerToken(side: Side, account: BenchAccount): Promise<Delivery & { cost: number }> {
  const { server } = side;
  let before = 0;
  const delivery = await deliver(side, account, FULL_SPEED, async () => {
    await settle(server.cpu);
    before = await server.cpu.read();
  });
  await settle(server.cpu);
  return { ...delivery, cost: ((await server.cpu.read()) - before) / delivery.tokens };
}

/** Lets streams be followed to their end. @param followed is done when all are followed and none has begun. */
async function deliver(
  { server, streams = STREAMS, ...side }: Side,
  account: BenchAccount,
  score: Score,
  followed: () => Promise<void> = () => settle(server.cpu),
): Promise<Delivery> {
  const order: Order = { ...side, url: server.url, account, streams, score };
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
