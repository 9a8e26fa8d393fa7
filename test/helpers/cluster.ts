import { setTimeout } from 'node:timers/promises';
import { vi } from 'vitest';
import { POSTGRES } from './databases.ts';
import { askGraphQL, createDatabase, type GraphQLAnswer } from './gateway.ts';
import { type GatewayAddress, readStore, type StoredState } from './killable-gateway.ts';
import { openWireTo, type Wire } from './network.ts';
import { awaitGateway, type RunningGateway, startProgram } from './process.ts';
import { createPrefix } from './redis.ts';
import { TEST_REDIS_URL } from './servers.ts';

/** One gateway process of a cluster; every node accepts the same key. */
export interface ClusterNode extends GatewayAddress {
  readonly process: RunningGateway;
  graphql<T>(query: string, variables?: object): Promise<GraphQLAnswer<T>>;
}

/** Two gateways that share a Postgres and a Redis, and reach each of them over a wire that the test can cut. */
export interface Cluster extends GatewayAddress {
  readonly nodes: readonly [ClusterNode, ClusterNode];
  readonly postgres: Wire;
  readonly redis: Wire;
  /** The live nodes, round robin: a client that reconnects or retries reaches another node. */
  readonly current: Promise<GatewayAddress>;
  /** The number of killed nodes and interrupted wires. */
  readonly breaks: number;
  /** Runs an operation on a live node. */
  graphql<T>(query: string, variables?: object): Promise<GraphQLAnswer<T>>;
  /** Kills a node, and waits until its process has exited. */
  kill(node: ClusterNode): Promise<void>;
  /** Makes a server unreachable for both nodes for `ms`. */
  away(wire: Wire, how: 'cut' | 'silence', ms: number): Promise<void>;
  readStore(): Promise<StoredState>;
}

/** Starts both nodes, which are killed after the test. @param delayMs the latency of the wires to the servers. */
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
  let requests = 0;
  let breaks = 0;

  function next(): ClusterNode {
    const nodes = [...alive];
    return nodes[requests++ % nodes.length] ?? a;
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

/** The HTTP status of a node's response to a GET of a path. */
export async function statusOf({ url, key }: GatewayAddress, path: string): Promise<number> {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  await response.arrayBuffer();
  return response.status;
}

/** Waits until `check` passes, and returns how many ms that took. */
export async function measure(limitMs: number, check: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await vi.waitFor(check, { timeout: limitMs, interval: 50 });
  return Math.round(performance.now() - startedAt);
}
