import { onTestFinished } from 'vitest';
import { issueApiKey } from '../../src/access/api-keys.ts';
import { startGateway as start } from '../../src/app.ts';
import { type Config, readConfig } from '../../src/config.ts';
import type { Deps } from '../../src/deps.ts';
import { SCOPES, type Scope } from '../../src/domain/entities.ts';
import { createId } from '../../src/domain/ids.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { createLogger } from '../../src/logger.ts';
import { insertAccount } from '../../src/store/accounts.ts';
import { STACK_ENGINE, type TestDatabase, type TestEngine } from './databases.ts';
import { createRedisPrefix } from './redis.ts';
import { TEST_REDIS_URL } from './servers.ts';

/** An account, and an API key of it. */
export interface Tenant {
  readonly accountId: string;
  readonly key: string;
}

/** A gateway with its own port and database. */
export interface TestGateway extends Tenant {
  readonly url: string;
  readonly deps: Deps;
  /** The parsed log lines. */
  readonly logs: readonly Record<string, unknown>[];
  /** Sends an HTTP request to a path of the gateway, without adding a key. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Runs a GraphQL operation over HTTP with a key, by default that of the first account. */
  graphql<T = Record<string, never>>(query: string, variables?: object, key?: string): Promise<GraphQLResponse<T>>;
  /** Creates another account with a key. */
  createTenant(scopes?: readonly Scope[]): Promise<Tenant>;
  /** Creates a key for an account. */
  createKey(accountId: string, scopes: readonly Scope[]): Promise<string>;
  close(): Promise<void>;
}

/** A GraphQL response; the type of its data is not checked. */
export interface GraphQLResponse<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly data: T;
  readonly errors?: readonly { message: string; path?: string[]; extensions: Record<string, unknown> }[];
}

/** Options of a test gateway. */
export interface GatewayOptions {
  /** Environment variables, as an operator would set them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Parts to replace, such as the clock or the engines. */
  readonly overrides?: Partial<Deps>;
  /** An existing database, which the test removes. By default the gateway gets a new one, which `close` removes. */
  readonly database?: TestDatabase;
  /** The engine of a new database; by default `STACK_ENGINE`. */
  readonly engine?: TestEngine;
}

/** Creates a database that several gateways of a test can use in turn. The database is dropped after the test. */
export async function createDatabase(engine: TestEngine = STACK_ENGINE): Promise<TestDatabase> {
  const database = await engine.create();
  onTestFinished(() => database.drop());
  return database;
}

/** The settings for Redis. The long timeout keeps a slow Redis on a busy machine from failing unrelated tests. */
const redisSettings = () => ({
  REDIS_URL: TEST_REDIS_URL,
  REDIS_PREFIX: createRedisPrefix(),
  REDIS_RATE_LIMIT_TIMEOUT_MS: '10000',
});

/** Starts a real gateway on a free port with an empty account, no demo, and an engine without delays. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const { env = {}, overrides = {}, engine = STACK_ENGINE } = options;
  const database = options.database ?? (await engine.create());
  const logs: Record<string, unknown>[] = [];
  const logger = createLogger('debug', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const config: Config = readConfig({
    PORT: '0',
    DATABASE_URL: database.url,
    SEED_DEMO: 'false',
    BUILTIN_DELAY_MS: '0',
    RATE_LIMIT_PER_MINUTE: '100000',
    // Postgres computes longer for a new connection than for the requests of most tests.
    DATABASE_POOL_SIZE: '3',
    GRAPHQL_JIT: process.env.GRAPHQL_JIT,
    ...(process.env.TEST_STACK === 'scale' && redisSettings()),
    ...env,
  });
  // Queries are compiled at their first use, or never if GRAPHQL_JIT is off, because tests run most queries only once.
  const compileAtUse = Math.min(config.compileAtUse, 1);
  const gateway = await start({ ...config, compileAtUse }, { logger, ...overrides });
  const { deps, url } = gateway;

  async function createKey(accountId: string, scopes: readonly Scope[]): Promise<string> {
    const created = await deps.db.transaction((trx) =>
      issueApiKey(trx, deps.clock.now(), accountId, { name: 'Test key', scopes }),
    );
    return created.secret;
  }

  async function createTenant(scopes: readonly Scope[] = SCOPES): Promise<Tenant> {
    const id = createId('account');
    await deps.db.transaction((trx) => insertAccount(trx, { id, name: id, createdAt: toTimestamp(deps.clock.now()) }));
    return { accountId: id, key: await createKey(id, scopes) };
  }

  async function close(): Promise<void> {
    await gateway.close();
    if (options.database === undefined) await database.drop();
  }

  const first = await createTenant();
  let closing: Promise<void> | undefined;
  return {
    ...first,
    url,
    deps,
    logs,
    createKey,
    createTenant,
    fetch: (path, init) => fetch(`${url}${path}`, init),
    graphql: (query, variables, key = first.key) => requestGraphQL({ url, key }, query, variables),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Runs a GraphQL operation over HTTP. */
export async function requestGraphQL<T>(
  { url, key }: Pick<TestGateway, 'url' | 'key'>,
  query: string,
  variables: object = {},
): Promise<GraphQLResponse<T>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  });
  const body = (await response.json()) as Pick<GraphQLResponse<T>, 'data' | 'errors'>;
  return { status: response.status, headers: response.headers, ...body };
}
