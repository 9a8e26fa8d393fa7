import { setTimeout } from 'node:timers/promises';
import { vi } from 'vitest';
import { POSTGRES } from './databases.ts';
import { askGraphQL, createDatabase, type GraphQLAnswer } from './gateway.ts';
import { type GatewayAddress, readStore, type StoredState } from './killable-gateway.ts';
import { openWireTo, type Wire } from './network.ts';
import { awaitGateway, type RunningGateway, startProgram } from './process.ts';
import { createPrefix } from './redis.ts';
import { TEST_REDIS_URL } from './servers.ts';

/** One process of several, asked with the key of all. */
export interface ClusterNode extends GatewayAddress {
  readonly process: RunningGateway;
  graphql<T>(query: string, variables?: object): Promise<GraphQLAnswer<T>>;
}

/** Two gateways on one Postgres and one Redis, each of which is reached over a wire. */
export interface Cluster extends GatewayAddress {
  readonly nodes: readonly [ClusterNode, ClusterNode];
  readonly postgres: Wire;
  readonly redis: Wire;
  /** Those that live, in turn: whoever comes back, or asks again, does so elsewhere. */
  readonly current: Promise<GatewayAddress>;
  /** How often something was taken away. */
  readonly breaks: number;
  /** Runs an operation on one of those that live. */
  graphql<T>(query: string, variables?: object): Promise<GraphQLAnswer<T>>;
  /** Kills one, and waits until it is gone. */
  kill(node: ClusterNode): Promise<void>;
  /** Takes a server away from both for so long. */
  away(wire: Wire, how: 'cut' | 'silence', ms: number): Promise<void>;
  readStore(): Promise<StoredState>;
}

/** Starts both; killed when the test has ended. @param delayMs how much later what is said to a server arrives. */
export async function startCluster(env: Readonly<Record<string, string>>, { delayMs = 0 } = {}): Promise<Cluster> {
  const database = await createDatabase(POSTGRES);
  const postgres = await openWireTo(database.url, 5432);
  const redis = await openWireTo(TEST_REDIS_URL, 6379);
  const settings = {
    PORT: '0',
    SEED_DEMO: 'false',
    RATE_LIMIT_PER_MINUTE: '1000000',
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    REDIS_PREFIX: createPrefix(),
    ...env,
  };
  const started = [startProgram({ env: settings }), startProgram({ env: settings })];
  const processes = await Promise.all(started.map(awaitGateway));
  const key = processes.map((running) => running.key).join('');
  for (const { wire } of [postgres, redis]) wire.slow(delayMs);
  const [a, b] = processes.map((process): ClusterNode => {
    const { url } = process;
    return { url, key, process, graphql: (query, variables) => askGraphQL({ url, key }, query, variables) };
  }) as [ClusterNode, ClusterNode];
  const alive = new Set([a, b]);
  let turn = 0;
  let breaks = 0;

  function next(): ClusterNode {
    const nodes = [...alive];
    return nodes[turn++ % nodes.length] ?? a;
  }

  return {
    url: a.url,
    key,
    nodes: [a, b],
    postgres: postgres.wire,
    redis: redis.wire,
    get current() {
      return Promise.resolve(next());
    },
    get breaks() {
      return breaks;
    },
    graphql: (query, variables) => next().graphql(query, variables),
    async kill(node) {
      breaks++;
      node.process.kill('SIGKILL');
      await node.process.exited;
      alive.delete(node);
    },
    async away(wire, how, ms) {
      breaks++;
      wire[how]();
      await setTimeout(ms);
      wire.mend();
    },
    readStore: () => readStore(database.url),
  };
}

/** How a node answers, by its path. */
export async function statusOf({ url, key }: GatewayAddress, path: string): Promise<number> {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  await response.arrayBuffer();
  return response.status;
}

/** Waits for something, and says how many ms that took. */
export async function measure(limitMs: number, check: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await vi.waitFor(check, { timeout: limitMs, interval: 50 });
  return Math.round(performance.now() - startedAt);
}
