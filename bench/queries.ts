import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { settle } from './cpu.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { requireNoRefusals, startGateway } from './gateway.ts';
import type { Shot } from './load.ts';
import { type Server, startServer } from './server.ts';

/** A query that is measured over HTTP against bare graphql-js. */
interface QueryCase {
  readonly goal: string;
  readonly what: string;
  readonly target: number;
  readonly query: string;
  variables(account: BenchAccount): object;
}

const DASHBOARD = `query Dashboard {
  chatbots(first: 10) {
    nodes {
      id name slug isActive
      sources(first: 5) { nodes { id title status } }
      conversations(first: 5) { nodes { id sessionId status lastMessage { role content createdAt } } }
    }
    pageInfo { hasNextPage }
  }
}`;

/** G1: what an operator's page asks for, 10 chatbots × (5 sources + 5 conversations, each with its last message). */
export const dashboard = createQueryBenchmark('dashboard', {
  goal: 'G1',
  what: 'dashboard query',
  target: 0.9,
  query: DASHBOARD,
  variables: () => ({}),
});

/** G3: one chatbot by its id. */
export const small = createQueryBenchmark('small', {
  goal: 'G3',
  what: 'small query',
  target: 2,
  query: 'query Small($id: ID!) { chatbot(id: $id) { id name slug isActive } }',
  variables: ({ chatbotIds }) => ({ id: chatbotIds[3] }),
});

const WARM_REQUESTS = 2_500;

function createQueryBenchmark(name: string, queryCase: QueryCase): Benchmark {
  return {
    name,
    async run(bench) {
      const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
      const opened: Server[] = [];
      try {
        const account = await fillDatabase(`sqlite:${join(dir, 'chatgraph.db')}`);
        const gateway = await startGateway(dir, 'bin/chatgraph.js');
        opened.push(gateway);
        const floor = await startFloor(dir, account);
        opened.push(floor);
        const shots = createShots(queryCase, account, gateway, floor);
        const figure = await measure(bench, queryCase, [gateway, shots.gateway], [floor, shots.floor]);
        await requireNoRefusals(gateway);
        return [figure];
      } finally {
        for (const server of opened) await server.close();
        await rm(dir, { recursive: true });
      }
    },
  };
}

function startFloor(dir: string, { accountId }: BenchAccount): Promise<Server> {
  return startServer({
    script: 'bench/floor.ts',
    args: [join(dir, 'chatgraph.db'), accountId],
    env: {},
    logPath: join(dir, 'floor.log'),
  });
}

function createShots({ query, variables }: QueryCase, account: BenchAccount, gateway: Server, floor: Server) {
  const shot: Shot = {
    url: `${gateway.url}/graphql`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${account.key}` },
    body: JSON.stringify({ query, variables: variables(account) }),
  };
  return { gateway: shot, floor: { ...shot, url: floor.url } };
}

type Side = readonly [server: Server, shot: Shot];

async function measure(bench: Bench, { goal, what, target }: QueryCase, gateway: Side, floor: Side): Promise<Figure> {
  const bytes = await requireSameAnswer(gateway[1], floor[1]);
  bench.note(`${what}: ${bytes} bytes, warming up`);
  for (const [, shot] of [gateway, floor]) await warm(bench, shot);

  const costs = { gateway: [] as number[], floor: [] as number[] };
  for (let round = 1; round <= bench.rounds; round++) {
    bench.note(`${what}: round ${round} of ${bench.rounds}`);
    // Taking turns at going first, so that a machine that gets slower favours neither.
    const order = round % 2 === 1 ? (['gateway', 'floor'] as const) : (['floor', 'gateway'] as const);
    for (const side of order) costs[side].push(await costPerRequest(bench, side === 'gateway' ? gateway : floor));
  }
  await requireSameAnswer(gateway[1], floor[1]);
  return { goal, what: `${what}, ${formatBytes(bytes)}`, unit: 'µs', target, ...costs };
}

/** Warms by count, not by time: a slow machine needs longer for the same compiled code. */
async function warm(bench: Bench, shot: Shot): Promise<void> {
  let sent = 0;
  while (sent < WARM_REQUESTS) sent += (await burst(bench, shot)).requests;
}

async function costPerRequest(bench: Bench, [server, shot]: Side): Promise<number> {
  await settle(server.cpu);
  const before = await server.cpu.read();
  const { requests } = await burst(bench, shot);
  await settle(server.cpu);
  return ((await server.cpu.read()) - before) / requests;
}

async function burst({ load, seconds }: Bench, shot: Shot) {
  const result = await load.send(shot, seconds);
  if (result.failures > 0 || result.requests === 0) {
    throw new Error(`${shot.url}: ${result.failures} of ${result.requests} requests failed.`);
  }
  return result;
}

/** @throws where the two answer differently, or with errors. Gives the size of the gateway's answer. */
async function requireSameAnswer(gateway: Shot, floor: Shot): Promise<number> {
  const [text, floorText] = await Promise.all([ask(gateway), ask(floor)]);
  const answer = JSON.parse(text);
  if (answer.errors !== undefined || !isDeepStrictEqual(answer, JSON.parse(floorText))) {
    throw new Error(`The answers differ.\ngateway: ${text}\nfloor: ${floorText}`);
  }
  return Buffer.byteLength(text);
}

async function ask({ url, headers, body }: Shot): Promise<string> {
  return (await fetch(url, { method: 'POST', headers, body })).text();
}

function formatBytes(bytes: number): string {
  return bytes < 1_000 ? `${bytes} B` : `${(bytes / 1_000).toFixed(1)} kB`;
}
