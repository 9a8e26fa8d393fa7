import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { type CpuClock, hasSchedstat, readSchedstat } from './cpu.ts';

/** A Postgres database and a Redis prefix that only this benchmark uses. */
export interface ScaleStack {
  /** The settings of a gateway that uses them. */
  readonly settings: { readonly DATABASE_URL: string; readonly REDIS_URL: string; readonly REDIS_PREFIX: string };
  /** The CPU time of Redis and of the Postgres backends of the database; absent if /proc does not show them. */
  readonly cpu: CpuClock | undefined;
  /** Deletes the database and the keys with the prefix, and closes the connections. */
  drop(): Promise<void>;
}

const POSTGRES_URL = process.env.BENCH_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const REDIS_URL = process.env.BENCH_REDIS_URL ?? 'redis://127.0.0.1:6379';
const TIMEOUT_MS = 5_000;

/**
 * Creates a database and a prefix on the servers at `BENCH_DATABASE_URL` and `BENCH_REDIS_URL`; if absent, on those of
 * this machine.
 * @throws if a server does not respond; the message contains its host, but no credentials.
 */
export async function createScaleStack(): Promise<ScaleStack> {
  const redis = await openRedis();
  try {
    const postgres = await openPostgres();
    const name = `chatgraph_bench_${randomUUID().replaceAll('-', '')}`;
    const prefix = `${name}:`;
    const database = new URL(POSTGRES_URL);
    database.pathname = name;
    await postgres.query(`create database ${name}`);
    return {
      settings: { DATABASE_URL: database.href, REDIS_URL, REDIS_PREFIX: prefix },
      cpu: await createClock(postgres, name, redis),
      async drop() {
        await postgres.query(`drop database ${name} with (force)`);
        await postgres.end();
        for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 })) {
          if (keys.length > 0) await redis.unlink(keys);
        }
        redis.disconnect();
      },
    };
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

async function openPostgres(): Promise<Client> {
  const client = new Client({ connectionString: POSTGRES_URL, connectionTimeoutMillis: TIMEOUT_MS });
  await client.connect().catch((error: unknown) => fail('Postgres', POSTGRES_URL, error));
  return client;
}

async function openRedis(): Promise<Redis> {
  const redis = new Redis(REDIS_URL, { lazyConnect: true, connectTimeout: TIMEOUT_MS, retryStrategy: null });
  // The failed command reports the same error.
  redis.on('error', () => {});
  await redis.connect().catch((error: unknown) => fail('Redis', REDIS_URL, error));
  return redis;
}

function fail(server: string, url: string, cause: unknown): never {
  throw new Error(`${server} does not respond at ${new URL(url).host}.`, { cause });
}

async function createClock(postgres: Client, database: string, redis: Redis): Promise<CpuClock | undefined> {
  const redisPid = Number(/^process_id:(\d+)/m.exec(await redis.info('server'))?.[1]);
  const [ownPid] = await listPids(postgres, 'pid = pg_backend_pid()');
  if (!hasSchedstat || !isProcess(redisPid, 'redis') || !isProcess(ownPid, 'postgres')) return undefined;
  /** The CPU time by process id. Postgres processes that have ended stay in it: each serves only one connection. */
  const cpuTimeByPid = new Map<number, number>();
  return {
    async read() {
      const backends = await listPids(postgres, `datname = '${database}' and backend_type = 'client backend'`);
      for (const pid of [redisPid, ...backends]) cpuTimeByPid.set(pid, readSchedstat(pid));
      return [...cpuTimeByPid.values()].reduce((total, time) => total + time, 0);
    },
  };
}

async function listPids(postgres: Client, condition: string): Promise<number[]> {
  const { rows } = await postgres.query<{ pid: number }>(`select pid from pg_stat_activity where ${condition}`);
  return rows.map(({ pid }) => pid);
}

/** Whether a local process has this id and name. The id of a remote or containerized server is not valid here. */
function isProcess(pid: number | undefined, name: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith(name);
  } catch {
    return false;
  }
}
