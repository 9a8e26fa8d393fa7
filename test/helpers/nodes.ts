import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { onTestFinished, vi } from 'vitest';
import { type Coordination, openRedisCoordination } from '../../src/coordination/coordination.ts';
import type { RateLimiter } from '../../src/coordination/rate-limiter.ts';
import { openRedis } from '../../src/coordination/redis/link.ts';
import { createRedisRateLimiter, type RedisRateLimiterOptions } from '../../src/coordination/redis/rate-limiter.ts';
import { systemClock } from '../../src/domain/time.ts';
import { findFreePort } from './network.ts';
import { createRedisPrefix } from './redis.ts';
import { isReachable, TEST_REDIS_URL } from './servers.ts';

/** Whether Redis is reachable. */
export const hasRedis: boolean = await isReachable(TEST_REDIS_URL);

/** The coordination part of a gateway node, with its log. */
export interface CoordinationNode extends Coordination {
  /** The parsed log lines. */
  readonly logs: readonly { readonly level: number; readonly msg: string }[];
}

/** Opens `count` nodes on one Redis, and closes the nodes after the test. */
export async function openCoordinationNodes(
  count: number,
  { url = TEST_REDIS_URL, prefix = createRedisPrefix() }: { url?: string; prefix?: string } = {},
): Promise<CoordinationNode[]> {
  const nodes = await Promise.all(
    Array.from({ length: count }, async () => {
      const logs: CoordinationNode['logs'][number][] = [];
      const logger = pino({ level: 'info' }, { write: (line: string) => void logs.push(JSON.parse(line)) });
      return Object.assign(await openRedisCoordination(systemClock, { url, prefix, logger }), { logs });
    }),
  );
  onTestFinished(async () => void (await Promise.all(nodes.map((node) => node.close()))));
  return nodes;
}

/** Opens a rate limiter on a Redis, and closes its connection after the test. */
export async function openRedisRateLimiter({
  url = TEST_REDIS_URL,
  prefix = createRedisPrefix(),
  ...options
}: { url?: string; prefix?: string } & Partial<RedisRateLimiterOptions>): Promise<RateLimiter> {
  const link = await openRedis({ url, prefix, logger: pino({ level: 'silent' }) });
  onTestFinished(() => link.close());
  return createRedisRateLimiter(link, { clock: systemClock, countProcesses: () => 2, timeoutMs: 2_000, ...options });
}

/** Opens a separate Redis client, for commands that a gateway does not send. */
export function openRedisClient(url = TEST_REDIS_URL): Redis {
  const client = new Redis(url);
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

/** A Redis server for one test, which loses its data when it is stopped. */
export interface RedisServer {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Suspends the server, as if the network dropped every packet, or resumes it. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
}

/** Starts a Redis server on a free port, and stops it after the test. */
export async function startRedis(options: readonly string[] = []): Promise<RedisServer> {
  const port = await findFreePort();
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    server = spawn('redis-server', [...['--port', `${port}`, '--save', '', '--appendonly', 'no'], ...options], {
      stdio: 'ignore',
    });
    await vi.waitFor(async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
    }, 5_000);
  }

  async function stop(): Promise<void> {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  }

  onTestFinished(stop);
  await start();
  return { url: `redis://127.0.0.1:${port}`, start, stop, signal: (name) => void server?.kill(name) };
}
