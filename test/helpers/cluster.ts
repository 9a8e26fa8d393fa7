import { setTimeout } from 'node:timers/promises';
import { vi } from 'vitest';
import { POSTGRES } from './databases.ts';
import { createDatabase, type GraphQLResponse, requestGraphQL } from './gateway.ts';
import { type GatewayAddress, readStore, type StoredState } from './killable-gateway.ts';
import { type FaultProxy, startFaultProxyFor } from './network.ts';
import { awaitGateway, type RunningGateway, startProgram } from './process.ts';
import { createRedisPrefix } from './redis.ts';
import { TEST_REDIS_URL } from './servers.ts';

/** One gateway process of a cluster; every node accepts the same key. */
export interface ClusterNode extends GatewayAddress {
  readonly process: RunningGateway;
  graphql<T>(query: string, variables?: object): Promise<GraphQLResponse<T>>;
}

/** Two gateways that share a Postgres and a Redis, and reach each through a proxy that the test can interrupt. */
export interface Cluster extends GatewayAddress {
  readonly nodes: readonly [ClusterNode, ClusterNode];
  readonly postgresProxy: FaultProxy;
  readonly redisProxy: FaultProxy;
  /** A running node, chosen round robin: a client that reconnects or retries reaches another node. */
  readonly liveGateway: Promise<GatewayAddress>;
  /** The number of killed nodes and simulated outages. */
  readonly faultCount: number;
  /** Runs an operation on a running node. */
  graphql<T>(query: string, variables?: object): Promise<GraphQLResponse<T>>;
  /** Kills a node, and waits until its process has exited. */
  kill(node: ClusterNode): Promise<void>;
  /** Makes the server behind a proxy unreachable for both nodes for `ms`. */
  simulateOutage(proxy: FaultProxy, kind: 'disconnect' | 'stall', ms: number): Promise<void>;
  readStore(): Promise<StoredState>;
}

/** Starts both nodes, which are killed after the test. @param delayMs the latency of the proxies. */
export async function startCluster(env: Readonly<Record<string, string>>, { delayMs = 0 } = {}): Promise<Cluster> {
  const database = await createDatabase(POSTGRES);
  const postgres = await startFaultProxyFor(database.url, 5432);
  const redis = await startFaultProxyFor(TEST_REDIS_URL, 6379);
  const settings = {
    PORT: '0',
    SEED_DEMO: 'false',
    RATE_LIMIT_PER_MINUTE: '1000000',
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    REDIS_PREFIX: createRedisPrefix(),
    ...env,
  };
  const started = [startProgram({ env: settings }), startProgram({ env: settings })];
  const processes = await Promise.all(started.map(awaitGateway));
  // Only one of the nodes creates and prints the first key; the key of the other is empty.
  const key = processes.map((running) => running.key).join('');
  for (const { proxy } of [postgres, redis]) proxy.addLatency(delayMs);
  const [a, b] = processes.map((process): ClusterNode => {
    const { url } = process;
    return { url, key, process, graphql: (query, variables) => requestGraphQL({ url, key }, query, variables) };
  }) as [ClusterNode, ClusterNode];
  const alive = new Set([a, b]);
  let requests = 0;
  let faultCount = 0;

  function next(): ClusterNode {
    const nodes = [...alive];
    return nodes[requests++ % nodes.length] ?? a;
  }

  return {
    url: a.url,
    key,
    nodes: [a, b],
    postgresProxy: postgres.proxy,
    redisProxy: redis.proxy,
    get liveGateway() {
      return Promise.resolve(next());
    },
    get faultCount() {
      return faultCount;
    },
    graphql: (query, variables) => next().graphql(query, variables),
    async kill(node) {
      faultCount++;
      node.process.kill('SIGKILL');
      await node.process.exited;
      alive.delete(node);
    },
    async simulateOutage(proxy, kind, ms) {
      faultCount++;
      proxy[kind]();
      await setTimeout(ms);
      proxy.restore();
    },
    readStore: () => readStore(database.url),
  };
}

/** Sends a GET request to a node, and returns the HTTP status. */
export async function fetchStatus({ url, key }: GatewayAddress, path: string): Promise<number> {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  await response.arrayBuffer();
  return response.status;
}

/** Waits until `check` passes, and returns how many ms that took. */
export async function measureMsUntil(limitMs: number, check: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await vi.waitFor(check, { timeout: limitMs, interval: 50 });
  return Math.round(performance.now() - startedAt);
}
